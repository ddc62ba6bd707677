"""Step 2, first half: which of the running appointments is the active one."""

from dataclasses import replace

import pytest

from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.core.presence import DEFAULT_MAPPING, AppointmentKind, AppointmentOutcome, Rule, Target, decide
from tests.core.presence.calendars import SHOWN, appointment, at, changed, note

EVERYTHING_BUSY = replace(
    SHOWN,
    mapping=dict.fromkeys(AppointmentKind, Target.BUSY),
    tentative_exception_organizer="boss@example.com",
)
WORDS = replace(SHOWN, priority_words=(" Customer ", "", "  "), no_priority_words=("lunch", " "))

LONG = appointment("08:00", "18:00", "Long")
SHORT = appointment("09:00", "11:00", "Short")


def winner(*appointments: Appointment, settings: object = SHOWN, now: str = "10:00") -> str:
    assert isinstance(settings, type(SHOWN))
    shown = note(*appointments, settings=settings, now=now)
    assert shown == note(*reversed(appointments), settings=settings, now=now)
    return shown.removeprefix("Busy: ").split(" until")[0]


def test_an_appointment_is_active_from_its_start_until_just_before_its_end() -> None:
    assert note(SHORT, now="08:59") == "Available until 9am (Busy: Short)"
    assert note(SHORT, now="09:00") == "Busy: Short until 11am"
    assert note(SHORT, now="10:59") == "Busy: Short until 11am"
    assert note(SHORT, now="11:00") == ""


def test_a_title_with_a_wanted_word_goes_before_a_more_specific_appointment() -> None:
    assert winner(changed(LONG, subject="Big CUSTOMER day"), SHORT, settings=WORDS) == "Big CUSTOMER day"


def test_a_title_with_an_unwanted_word_yields_to_any_other() -> None:
    assert winner(LONG, changed(SHORT, subject="Lunchtime"), settings=WORDS) == "Long"


def test_an_unwanted_word_takes_away_the_priority_of_a_wanted_one() -> None:
    assert winner(LONG, changed(SHORT, subject="Customer lunch"), settings=WORDS) == "Long"


def test_priority_goes_before_the_target() -> None:
    home = changed(LONG, subject="Customer at home", show_as=ShowAs.WORKING_ELSEWHERE)
    assert winner(home, SHORT, settings=WORDS) == "Customer at home"


def test_words_match_by_unicode_case_folding() -> None:
    settings = replace(SHOWN, priority_words=("STRASSE",))
    assert winner(changed(LONG, subject="Hauptstraße"), SHORT, settings=settings) == "Hauptstraße"


def test_private_subjects_are_matched_though_never_shown() -> None:
    private = changed(LONG, subject="Customer", sensitivity=Sensitivity.PRIVATE)
    assert note(private, SHORT, settings=WORDS) == "Busy until 6pm"


@pytest.mark.parametrize("target", [Target.BUSY, Target.AWAY, Target.DND])
def test_busy_away_and_dnd_go_before_available(target: Target) -> None:
    settings = replace(
        SHOWN, mapping={**DEFAULT_MAPPING, AppointmentKind.BUSY: Target.AVAILABLE, AppointmentKind.NO_DATA: target}
    )
    assert "No data" in note(changed(LONG, subject="No data", show_as=ShowAs.NO_DATA), SHORT, settings=settings)


def test_the_kinds_have_an_order() -> None:
    in_order = [
        changed(LONG, id="1", subject="exception", show_as=ShowAs.TENTATIVE, organizer="boss@example.com"),
        changed(LONG, id="2", subject="oof", show_as=ShowAs.OOF),
        changed(LONG, id="3", subject="busy", show_as=ShowAs.BUSY),
        changed(LONG, id="4", subject="tentative", show_as=ShowAs.TENTATIVE),
        changed(LONG, id="5", subject="elsewhere", show_as=ShowAs.WORKING_ELSEWHERE),
        changed(LONG, id="6", subject="no data", show_as=ShowAs.NO_DATA),
    ]
    for place, stronger in enumerate(in_order):
        for weaker in in_order[place + 1 :]:
            weaker = changed(weaker, id="0", start=SHORT.start, end=SHORT.end)
            assert winner(stronger, weaker, settings=EVERYTHING_BUSY) == stronger.subject


def test_what_begins_later_goes_first() -> None:
    assert winner(LONG, changed(LONG, subject="Later", start=SHORT.start)) == "Later"


def test_of_two_that_begin_together_the_one_that_ends_earlier_goes_first() -> None:
    assert winner(changed(SHORT, id="0", subject="Longer", end=LONG.end), SHORT) == "Short"


def test_of_two_at_the_same_time_the_smaller_id_goes_first() -> None:
    assert winner(changed(SHORT, id="b", subject="b"), changed(SHORT, id="a", subject="a")) == "a"


def test_even_appointments_with_one_id_give_one_answer() -> None:
    assert winner(changed(SHORT, subject="One"), changed(SHORT, subject="Other")) == "One"


@pytest.mark.parametrize("now", ["09:00", "10:00"])
def test_the_same_appointment_given_twice_is_shown_once(now: str) -> None:
    assert winner(SHORT, SHORT, now=now) == "Short"
    reasons = decide([SHORT, SHORT], SHOWN, at(now)).reasons
    assert [(reason.outcome, reason.rule) for reason in reasons] == [
        (AppointmentOutcome.ACTIVE, Rule.RUNNING),
        (AppointmentOutcome.OUTRANKED, Rule.SMALLER_ID),
    ]


@pytest.mark.parametrize("fields", [{"organizer": "boss@example.com"}, {"zone": "Mars/Olympus"}])
def test_two_versions_of_one_appointment_are_accounted_for_in_one_order(fields: dict[str, str]) -> None:
    one = changed(SHORT, show_as=ShowAs.TENTATIVE, start=at("00:00"), end=at("2026-03-05 00:00"), all_day=True)
    other = changed(one, **fields)
    reasons = decide([one, other], EVERYTHING_BUSY, at("10:00")).reasons
    assert reasons[0] != reasons[1]
    assert decide([other, one], EVERYTHING_BUSY, at("10:00")).reasons == reasons


def test_when_the_active_one_ends_the_outranked_one_takes_over() -> None:
    assert winner(LONG, SHORT, now="10:59") == "Short"
    assert winner(LONG, SHORT, now="11:00") == "Long"
