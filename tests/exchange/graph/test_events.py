"""Events of Graph as appointments, and the pages of a calendar view."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.appointments import Appointment, Oddity, Sensitivity, ShowAs
from engine.core.presence import Presence, PresenceSettings, decide
from engine.exchange.errors import CalendarTooFull, ExchangeFailure, MailboxTrouble, NotUnderstood
from engine.exchange.ews.find_item import found_items
from engine.exchange.ews.soap import response_messages
from engine.exchange.graph.events import MOST_PAGES, CalendarView
from tests.exchange.ews.wire import found, item
from tests.exchange.graph.wire import BODIES, ROOT, at, event, page
from tests.support.graph_schema import Schema, sample

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def read(*events: Any, with_subjects: bool = True) -> tuple[Appointment, ...]:
    view = CalendarView(ROOT, with_subjects=with_subjects)
    assert view.add(page(*events)) is None
    return view.appointments


def read_one(with_subjects: bool = True, **changes: Any) -> Appointment:
    (appointment,) = read(event(**changes), with_subjects=with_subjects)
    return appointment


def test_events_of_these_tests_are_valid_by_the_schema() -> None:
    assert Schema().collection("event", json.loads(page(event(), event(2, subject=None)))) == []


def test_an_event_becomes_an_appointment() -> None:
    appointment = read_one(showAs="oof", sensitivity="personal")
    assert appointment == Appointment(
        id=appointment.id,
        start=NINE,
        end=TEN,
        subject="Planning",
        show_as=ShowAs.OOF,
        sensitivity=Sensitivity.PERSONAL,
        zone="Europe/Berlin",
    )
    assert len(appointment.id) == 12


def test_the_documented_events() -> None:
    view = CalendarView(ROOT, with_subjects=True)
    assert view.add(json.dumps(sample("events")).encode()) is None
    assert [each.show_as for each in view.appointments] == [
        *(ShowAs.BUSY, ShowAs.TENTATIVE, ShowAs.BUSY, ShowAs.OOF, ShowAs.BUSY, ShowAs.FREE, ShowAs.WORKING_ELSEWHERE)
    ]
    assert [each.all_day for each in view.appointments].count(True) == 1
    assert [each.cancelled for each in view.appointments].count(True) == 1
    assert view.appointments[-1].subject == ""


@pytest.mark.parametrize(
    ("told", "show_as", "is_odd"),
    [
        ("free", ShowAs.FREE, False),
        ("tentative", ShowAs.TENTATIVE, False),
        ("busy", ShowAs.BUSY, False),
        ("oof", ShowAs.OOF, False),
        ("workingElsewhere", ShowAs.WORKING_ELSEWHERE, False),
        ("unknown", ShowAs.NO_DATA, False),
        ("napping", ShowAs.NO_DATA, True),
        (None, ShowAs.NO_DATA, True),
        (..., ShowAs.NO_DATA, True),
    ],
)
def test_free_busy_state(told: object, show_as: ShowAs, is_odd: bool) -> None:
    appointment = read_one(showAs=told)
    assert appointment.show_as is show_as
    assert (Oddity.UNKNOWN_SHOW_AS in appointment.oddities) is is_odd


@pytest.mark.parametrize(
    ("told", "sensitivity"),
    [
        ("normal", Sensitivity.NORMAL),
        ("private", Sensitivity.PRIVATE),
        ("confidential", Sensitivity.CONFIDENTIAL),
        (None, Sensitivity.NORMAL),
        (..., Sensitivity.NORMAL),
        ("secret", Sensitivity.PRIVATE),
    ],
)
def test_sensitivity(told: object, sensitivity: Sensitivity) -> None:
    appointment = read_one(sensitivity=told)
    assert appointment.sensitivity is sensitivity
    assert (Oddity.UNKNOWN_SENSITIVITY in appointment.oddities) is (told == "secret")


@pytest.mark.parametrize("sensitivity", ["private", "confidential", "secret"])
def test_a_subject_that_is_not_for_others_is_not_shown(sensitivity: str) -> None:
    settings = PresenceSettings(timezone=ZoneInfo("Europe/Berlin"), show_subject=True)
    decision = decide([read_one(sensitivity=sensitivity)], settings, NINE)
    assert "Planning" not in str(decision)


def test_subjects_only_if_wanted() -> None:
    assert read_one(with_subjects=False).subject == ""
    assert read_one(subject=None).subject == ""


def test_organizers_of_tentative_events_only() -> None:
    assert read_one(showAs="tentative").organizer == "ben@example.com"
    assert read_one(showAs="busy").organizer is None
    assert read_one(showAs="tentative", organizer=None).organizer is None
    assert read_one(showAs="tentative", organizer={"emailAddress": {"name": "Ben"}}).organizer is None


def test_what_the_owner_declined_is_left_out() -> None:
    declined = event(responseStatus={"response": "declined", "time": "0001-01-01T00:00:00Z"})
    assert read(declined, event(2, responseStatus=None)) == read(event(2))


def test_cancelled() -> None:
    assert read_one(isCancelled=True).cancelled
    assert not read_one(isCancelled=None).cancelled


@pytest.mark.parametrize(
    ("start", "instant"),
    [
        ({"dateTime": "2026-03-02T09:00:00.0000000", "timeZone": "UTC"}, NINE),
        ({"dateTime": "2026-03-02T09:00:00.1234567", "timeZone": "UTC"}, NINE + timedelta(microseconds=123456)),
        ({"dateTime": "2026-03-02T09:00", "timeZone": None}, NINE),
        ({"dateTime": "2026-03-02T09:00:00Z"}, NINE),
        ({"dateTime": "2026-03-02T10:00:00", "timeZone": "W. Europe Standard Time"}, NINE),
        ({"dateTime": "2026-03-02T10:00:00", "timeZone": "Europe/Berlin"}, NINE),
        ({"dateTime": "0001-01-01T00:00:00.0000000", "timeZone": "UTC"}, datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times(start: dict[str, Any], instant: datetime) -> None:
    assert read_one(start=start).start == instant


@pytest.mark.parametrize(
    "start",
    [
        *(None, ..., 5, "2026-03-02T09:00:00", {}, {"dateTime": None, "timeZone": "UTC"}),
        {"dateTime": "tomorrow", "timeZone": "UTC"},
        {"dateTime": "2026-03-02T09:00:00", "timeZone": "tzone://Microsoft/Custom"},
        {"dateTime": "0001-01-01T00:00:00", "timeZone": "Tokyo Standard Time"},
    ],
)
def test_an_event_without_a_readable_start_is_left_out_of_the_decision(start: Any) -> None:
    broken, fine = read(event(start=start), event(2))
    assert Oddity.NOT_UNDERSTOOD in broken.oddities
    assert fine.is_understood


def test_an_event_that_is_no_event_does_not_take_the_others_with_it() -> None:
    assert [each.is_understood for each in read(None, 5, event(), {"id": 7}, [])] == [False, False, True, False, False]


def ews_appointment(start: str, end: str, zone: str) -> Appointment:
    whole = item(IsAllDayEvent="true", Start=start, End=end, StartTimeZone=zone, Subject="Planning")
    message = response_messages(found(whole))[0]
    (appointment,) = found_items(message.element, with_subjects=True).appointments.values()
    return appointment


@pytest.mark.parametrize("site", ["Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("W. Europe Standard Time", "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"),
        ("Eastern Standard Time", "2026-03-02T05:00:00Z", "2026-03-03T05:00:00Z"),
        ("New Zealand Standard Time", "2026-03-01T11:00:00Z", "2026-03-02T11:00:00Z"),
        ("UTC", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"),
    ],
)
def test_whole_days_are_decided_as_from_ews(site: str, zone: str, start: str, end: str) -> None:
    settings = PresenceSettings(timezone=ZoneInfo(site), show_subject=True)
    of_graph = read_one(isAllDay=True, start=at("03-02T00:00"), end=at("03-03T00:00"), originalStartTimeZone=zone)
    of_ews = ews_appointment(start, end, zone)
    for hours in range(-30, 60, 3):
        now = NINE + timedelta(hours=hours)
        one, other = decide([of_graph], settings, now), decide([of_ews], settings, now)
        assert (one.presence, one.valid_until) == (other.presence, other.valid_until)
        assert [each.oddities for each in one.reasons] == [each.oddities for each in other.reasons]


@pytest.mark.parametrize(
    "zone", ["tzone://Microsoft/Custom", "tzone://Microsoft/Utc", "UTC", "Nowhere Time", None, ...]
)
@pytest.mark.parametrize("label", ["UTC", "W. Europe Standard Time", "Tonga Standard Time"])
@pytest.mark.parametrize("site", ["Europe/Berlin", "Pacific/Niue", "Pacific/Kiritimati"])
def test_whole_days_of_no_known_zone_are_the_dates_as_they_stand(zone: Any, label: str, site: str) -> None:
    appointment = read_one(
        isAllDay=True, start=at("03-02T00:00", label), end=at("03-04T00:00", label), originalStartTimeZone=zone
    )
    assert appointment.zone is None
    settings = PresenceSettings(timezone=ZoneInfo(site))
    for day, is_busy in ((1, False), (2, True), (3, True), (4, False)):
        noon = datetime(2026, 3, day, 12, tzinfo=ZoneInfo(site))
        decision = decide([appointment], settings, noon.astimezone(UTC))
        assert (decision.presence.activity == "busy") is is_busy
        assert [each.oddities for each in decision.reasons] == [()]


def test_whole_days_begin_where_a_clock_change_skips_midnight() -> None:
    appointment = read_one(
        isAllDay=True,
        start=at("09-06T00:00"),
        end=at("09-07T00:00"),
        originalStartTimeZone="Pacific SA Standard Time",
    )
    settings = PresenceSettings(timezone=ZoneInfo("America/Santiago"))
    (reason,) = decide([appointment], settings, datetime(2026, 9, 6, 12, tzinfo=UTC)).reasons
    assert (reason.all_day, reason.oddities) == (True, ())


def test_an_all_day_event_that_is_no_whole_days_is_odd() -> None:
    appointment = read_one(isAllDay=True, start=at("03-02T12:00"), end=at("03-03T00:00"))
    settings = PresenceSettings(timezone=ZoneInfo("Europe/Berlin"))
    (reason,) = decide([appointment], settings, NINE).reasons
    assert Oddity.NOT_WHOLE_DAYS in reason.oddities


def test_pages_that_overlap_count_once() -> None:
    view = CalendarView(ROOT, with_subjects=True)
    assert view.add(page(event(1), event(2), following=f"{ROOT}/users/a/calendarView?$skip=2")) == (
        "/users/a/calendarView?$skip=2"
    )
    assert view.add(page(event(2), event(3))) is None
    assert len(view.appointments) == 3


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.example.com/v1.0/users/a/calendarView?$skip=2",
        "http://graph.microsoft.com/v1.0/users/a/calendarView?$skip=2",
        "https://graph.microsoft.com/beta/users/a/calendarView?$skip=2",
        "https://graph.microsoft.com/v1.0@example.com/",
        "https://graph.microsoft.com:444/v1.0/users/a",
        "/users/a/calendarView?$skip=2",
        "",
        f"{ROOT}/{'x' * 10_000}",
    ],
)
def test_a_next_page_elsewhere_is_not_requested(link: str) -> None:
    with pytest.raises(NotUnderstood):
        CalendarView(ROOT, with_subjects=True).add(page(following=link))


def test_pages_that_begin_again_are_noticed() -> None:
    view = CalendarView(ROOT, with_subjects=True)
    view.add(page(event(1), following=f"{ROOT}/users/a"))
    with pytest.raises(MailboxTrouble):
        view.add(page(event(1), following=f"{ROOT}/users/a"))


def test_pages_without_an_end_are_noticed() -> None:
    view = CalendarView(ROOT, with_subjects=True)
    for number in range(1, MOST_PAGES):
        view.add(page(event(number), following=f"{ROOT}/users/a?$skip={number}"))
    with pytest.raises(CalendarTooFull):
        view.add(page(event(), following=f"{ROOT}/users/a?$skip={MOST_PAGES}"))


@pytest.mark.slow
@given(BODIES)
def test_whatever_comes_is_a_page_or_a_named_failure(body: bytes) -> None:
    view = CalendarView(ROOT, with_subjects=True)
    try:
        following = view.add(body)
    except ExchangeFailure:
        return
    assert following is None or following.startswith("/")
    assert all(each.start.tzinfo is UTC and each.end.tzinfo is UTC for each in view.appointments)


TIMES = st.datetimes().map(lambda instant: {"dateTime": instant.isoformat(), "timeZone": "UTC"})
SPOILED = st.none() | st.integers() | st.text(max_size=10)


@pytest.mark.slow
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "start": TIMES | SPOILED,
            "end": TIMES | SPOILED,
            "isAllDay": st.booleans() | SPOILED,
            "showAs": st.sampled_from(["busy", "oof", "unknown"]) | SPOILED,
            "sensitivity": st.sampled_from(["normal", "private"]) | SPOILED,
            "originalStartTimeZone": st.sampled_from(["UTC", "Tokyo Standard Time", "Europe/Berlin"]) | SPOILED,
            "subject": SPOILED,
        },
    )
)
def test_any_event_can_be_decided_about(changes: dict[str, Any]) -> None:
    (appointment,) = read(event(**changes))
    decision = decide([appointment], PresenceSettings(timezone=ZoneInfo("Europe/Berlin")), NINE)
    assert decision.valid_until is None or decision.valid_until > NINE
    assert appointment.is_understood or decision.presence == Presence()
