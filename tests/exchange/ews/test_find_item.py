from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.core.presence import AppointmentOutcome, Oddity, PresenceSettings, decide
from engine.exchange.errors import NotUnderstood
from engine.exchange.ews.find_item import FIND_COUNT_LIMIT, Page, found_items, has_id
from engine.exchange.ews.soap import response_messages
from tests.exchange.ews.schema import violations
from tests.exchange.ews.wire import found, item, message, response

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def read(body: bytes, *, with_subjects: bool = True) -> Page:
    return found_items(response_messages(body)[0].element, with_subjects=with_subjects)


def read_one(body: bytes, *, with_subjects: bool = True) -> Appointment:
    (appointment,) = read(body, with_subjects=with_subjects).appointments.values()
    return appointment


def test_answers_of_these_tests_are_valid_by_the_schema() -> None:
    assert violations(found(item(), item("AAMk2", Subject="Planning"))) == []


def test_item_becomes_an_appointment() -> None:
    appointment = read_one(found(item(Subject="Planning", LegacyFreeBusyStatus="OOF", Sensitivity="Private")))
    assert appointment == Appointment(
        id=appointment.id,
        start=NINE,
        end=TEN,
        subject="Planning",
        show_as=ShowAs.OOF,
        sensitivity=Sensitivity.PRIVATE,
        zone="Europe/Berlin",
    )


def test_ids_are_short_opaque_and_different() -> None:
    page = read(found(item("AAMk1"), item("AAMk2")))
    ids = {key: appointment.id for key, appointment in page.appointments.items()}
    assert len(set(ids.values())) == 2
    assert all(len(short) == 12 and short not in key for key, short in ids.items())
    assert ids["AAMk1"] == read_one(found(item("AAMk1"))).id


def test_whole_day_keeps_the_zone_it_was_made_in() -> None:
    appointment = read_one(
        found(
            item(
                IsAllDayEvent="true",
                Start="2026-03-02T05:00:00Z",
                End="2026-03-03T05:00:00Z",
                StartTimeZone="Eastern Standard Time",
            )
        )
    )
    assert (appointment.all_day, appointment.zone) == (True, "America/New_York")


@pytest.mark.parametrize(
    ("told", "show_as"),
    [
        ("Free", ShowAs.FREE),
        ("Tentative", ShowAs.TENTATIVE),
        ("Busy", ShowAs.BUSY),
        ("OOF", ShowAs.OOF),
        ("WorkingElsewhere", ShowAs.WORKING_ELSEWHERE),
        ("NoData", ShowAs.NO_DATA),
        ("Napping", ShowAs.NO_DATA),
        (None, ShowAs.NO_DATA),
    ],
)
def test_free_busy_status(told: str | None, show_as: ShowAs) -> None:
    assert read_one(found(item(LegacyFreeBusyStatus=told))).show_as is show_as


@pytest.mark.parametrize(
    ("told", "sensitivity"),
    [
        ("Normal", Sensitivity.NORMAL),
        ("Personal", Sensitivity.PERSONAL),
        ("Private", Sensitivity.PRIVATE),
        ("Confidential", Sensitivity.CONFIDENTIAL),
        ("TopSecret", Sensitivity.PRIVATE),
        ("", Sensitivity.PRIVATE),
        ("normal", Sensitivity.PRIVATE),
        (None, Sensitivity.NORMAL),  # absent where nobody set it (MS-OXCMSG)
    ],
)
def test_sensitivity_is_private_when_in_doubt(told: str | None, sensitivity: Sensitivity) -> None:
    assert read_one(found(item(Sensitivity=told))).sensitivity is sensitivity


def test_cancelled_meeting_is_told_as_cancelled() -> None:
    assert read_one(found(item(IsCancelled="true"))).cancelled


def test_recurring_master_is_left_out() -> None:
    page = read(found(item("master", CalendarItemType="RecurringMaster"), item("one", CalendarItemType="Occurrence")))
    assert list(page.appointments) == ["one"]


def test_declined_meeting_that_was_kept_is_left_out() -> None:
    page = read(found(item("declined", MyResponseType="Decline"), item("accepted", MyResponseType="Accept")))
    assert list(page.appointments) == ["accepted"]


def test_subject_is_not_taken_where_nobody_asked_for_it() -> None:
    assert read_one(found(item(Subject="Layoffs")), with_subjects=False).subject == ""


@pytest.mark.parametrize("control", ["&#x1F;", "\x1f", "&#x0B;", "\x00"])
def test_control_character_in_a_subject_does_no_harm(control: str) -> None:
    page = read(found(item("A", Subject=f"Plan{control}ning"), item("B")))
    assert list(page.appointments) == ["A", "B"]
    assert page.appointments["A"].subject in ("Planning", "Plan ning")


def test_bytes_outside_the_encoding_do_no_harm() -> None:
    page = read(found(item("A", Subject="Plan?ning"), item("B")).replace(b"Plan?ning", b"Plan\xff\xfening"))
    assert list(page.appointments) == ["A", "B"]
    assert page.appointments["A"].end == TEN


def test_time_with_an_offset_and_time_without_are_both_utc_instants() -> None:
    appointment = read_one(found(item(Start="2026-03-02T10:00:00+01:00", End="2026-03-02T10:00:00")))
    assert (appointment.start, appointment.end) == (NINE, TEN)


def test_missing_optional_elements_do_no_harm() -> None:
    bare = item(
        Sensitivity=None,
        IsAllDayEvent=None,
        LegacyFreeBusyStatus=None,
        IsCancelled=None,
        CalendarItemType=None,
        StartTimeZone=None,
    )
    appointment = read_one(found(bare))
    assert (appointment.start, appointment.end, appointment.zone) == (NINE, TEN, None)
    assert not appointment.all_day
    assert not appointment.cancelled


@pytest.mark.parametrize(
    "fields",
    [
        {"Start": None},
        {"End": None},
        {"Start": None, "End": None},
        {"Start": ""},
        {"Start": "soon"},
        {"Start": "2026-02-30T09:00:00Z"},
        {"End": "0001-01-01T00:00:00+14:00"},
        {"End": "10000-01-01T00:00:00Z"},
    ],
)
@pytest.mark.parametrize("all_day", ["true", "false"])
def test_an_item_without_a_time_takes_no_part_and_is_told(fields: dict[str, str | None], all_day: str) -> None:
    page = read(found(item("A", **(fields | {"IsAllDayEvent": all_day})), item("B")))
    (reason,) = decide([page.appointments["A"]], PresenceSettings(), NINE).reasons
    assert (reason.outcome, reason.oddities) == (AppointmentOutcome.LEFT_OUT, (Oddity.NOT_UNDERSTOOD,))
    assert decide(page.appointments.values(), PresenceSettings(), NINE).presence.activity == "busy"


@pytest.mark.parametrize(
    ("fields", "oddities"),
    [
        ({"LegacyFreeBusyStatus": "Napping"}, (Oddity.UNKNOWN_SHOW_AS,)),
        ({"Sensitivity": "TopSecret"}, (Oddity.UNKNOWN_SENSITIVITY,)),
        ({"Sensitivity": None}, ()),
        ({"CalendarItemType": "Novel", "MyResponseType": "Perhaps", "IsCancelled": "maybe"}, ()),
    ],
)
def test_what_nobody_knows_is_told(fields: dict[str, str | None], oddities: tuple[Oddity, ...]) -> None:
    assert read_one(found(item("A", **fields))).oddities == oddities


def test_an_item_without_an_id_counts_all_the_same() -> None:
    page = read(found(item("A"), item("B", Subject="No id")).replace(b'Id="B"', b""))
    assert [appointment.subject for appointment in page.appointments.values()] == ["", "No id"]
    assert [has_id(key) for key in page.appointments] == [True, False]


def test_answer_without_a_folder_is_not_taken_for_an_empty_calendar() -> None:
    with pytest.raises(NotUnderstood):
        read(response("FindItem", message("FindItem")))


def test_what_is_kept_back_is_noticed() -> None:
    assert read(found(item())).complete
    assert not read(found(item(), complete=False)).complete


def test_a_server_that_never_tells_of_the_last_item_is_believed_by_its_count() -> None:
    left_out = [item("declined", MyResponseType="Decline"), item("master", CalendarItemType="RecurringMaster")]
    assert read(found(item(), *left_out, complete=False, of=3)).complete
    assert read(found(complete=False, of=0)).complete
    assert not read(found(item(), complete=False, of=2)).complete
    assert not read(found(item(), complete=False).replace(b' TotalItemsInView="2"', b"")).complete
    many = [item(str(number)) for number in range(FIND_COUNT_LIMIT)]
    assert not read(found(*many, complete=False, of=FIND_COUNT_LIMIT)).complete


def test_masters_of_series_prove_that_nothing_is_expanded() -> None:
    assert read(found(item())).expanded
    assert not read(found(item(), item("master", CalendarItemType="RecurringMaster"))).expanded


def test_page_that_does_not_say_so_counts_as_complete() -> None:
    assert read(found(item()).replace(b' IncludesLastItemInRange="true"', b"")).complete


def test_prefixes_do_not_matter() -> None:
    other = found(item()).replace(b"<t:", b"<x:").replace(b"</t:", b"</x:").replace(b"xmlns:t=", b"xmlns:x=")
    other = other.replace(b"<m:", b"<").replace(b"</m:", b"</").replace(b"xmlns:m=", b"xmlns=")
    assert read(other) == read(found(item()))


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "Subject": st.text(
            st.characters(codec="utf-8", exclude_characters="<&\r\n\t", min_codepoint=0x20), max_size=20
        ),
        "Sensitivity": st.sampled_from(["Normal", "Private", "Secret", ""]),
        "LegacyFreeBusyStatus": st.sampled_from(["Free", "Busy", "Asleep", ""]),
        "IsAllDayEvent": st.sampled_from(["true", "false", "1", "perhaps"]),
        "IsCancelled": st.sampled_from(["true", "0", ""]),
        "CalendarItemType": st.sampled_from(["Single", "Exception", "Other"]),
        "Location": st.just("Room 1"),
    },
)


@pytest.mark.slow
@given(st.lists(FIELDS, max_size=4), st.randoms(use_true_random=False))
def test_any_selection_and_order_of_elements_gives_every_appointment(
    fields: list[dict[str, str]], random: object
) -> None:
    items = []
    for number, chosen in enumerate(fields):
        whole = {"Start": "2026-03-02T09:00:00Z", "End": "2026-03-02T10:00:00Z", **chosen}
        names = list(whole)
        random.shuffle(names)  # type: ignore[attr-defined]
        elements = "".join(f"<t:{name}>{whole[name]}</t:{name}>" for name in names)
        items.append(f'<t:CalendarItem>{elements}<t:ItemId Id="{number}"/></t:CalendarItem>')
    page = read(found(*items))
    assert len(page.appointments) == len(fields)
    assert all((a.start, a.end) == (NINE, TEN) for a in page.appointments.values())
