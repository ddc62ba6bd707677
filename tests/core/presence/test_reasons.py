"""Tests of the reasons: the outcome of every appointment, the rule for it, and the words."""

from dataclasses import replace

import msgspec
import pytest

from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.core.presence import AppointmentKind, AppointmentOutcome, PresenceSettings, Reason, Rule, Target, decide
from tests.core.presence.calendars import SHOWN, appointment, at, changed, days

ACTIVE = appointment("09:30", "10:30", "Active", id="active")
NEXT = appointment("12:00", "13:00", "Next", id="next")


def reason_for(one: Appointment, *others: Appointment, settings: PresenceSettings = SHOWN) -> Reason:
    reasons = decide([*others, one], settings, at("10:00")).reasons
    assert len(reasons) == 1 + len(others)
    return next(reason for reason in reasons if reason.id == one.id)


@pytest.mark.parametrize(
    ("one", "outcome", "rule", "words"),
    [
        (changed(ACTIVE, cancelled=True), AppointmentOutcome.CANCELLED, Rule.CANCELLED_IS_NEVER_SHOWN, "cancelled"),
        (changed(ACTIVE, show_as=ShowAs.FREE), AppointmentOutcome.FREE, Rule.FREE_IS_NEVER_SHOWN, "free"),
        (
            changed(ACTIVE, show_as=ShowAs.TENTATIVE),
            AppointmentOutcome.IGNORED,
            Rule.MAPPED_TO_IGNORE,
            "ignored: mapped to ignore",
        ),
        (
            appointment("10:00", "10:00", id="active"),
            AppointmentOutcome.WITHOUT_DURATION,
            Rule.NEEDS_A_DURATION,
            "without duration: it does not end after it starts",
        ),
        (appointment("09:00", "10:00"), AppointmentOutcome.OVER, Rule.HAS_ENDED, "over"),
        (ACTIVE, AppointmentOutcome.ACTIVE, Rule.RUNNING, "active"),
        (NEXT, AppointmentOutcome.NEXT, Rule.BEGINS_FIRST, "next"),
        (
            changed(NEXT, show_as=ShowAs.WORKING_ELSEWHERE),
            AppointmentOutcome.LATER,
            Rule.AVAILABLE_IS_NOT_ANNOUNCED,
            "later: an appointment that leaves one available is not announced",
        ),
        (
            appointment("2026-03-05 09:00", "2026-03-05 10:00"),
            AppointmentOutcome.BEYOND_HORIZON,
            Rule.HORIZON,
            "beyond the horizon: it starts too late to be announced now",
        ),
    ],
)
def test_what_became_of_one_appointment(one: Appointment, outcome: AppointmentOutcome, rule: Rule, words: str) -> None:
    reason = reason_for(one)
    assert (reason.outcome, reason.rule, reason.rival, reason.words) == (outcome, rule, None, words)


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        (changed(ACTIVE, subject="Yielding lunch"), Rule.TITLE),
        (changed(ACTIVE, show_as=ShowAs.WORKING_ELSEWHERE), Rule.TARGET),
        (changed(ACTIVE, show_as=ShowAs.NO_DATA), Rule.KIND),
        (changed(ACTIVE, start=at("09:00")), Rule.LATER_START),
        (changed(ACTIVE, end=at("11:00")), Rule.EARLIER_END),
        (ACTIVE, Rule.SMALLER_ID),
    ],
)
def test_an_outranked_appointment_names_its_rival_and_the_first_rule_that_differs(
    other: Appointment, rule: Rule
) -> None:
    settings = replace(SHOWN, no_priority_words=("lunch",), mapping={AppointmentKind.NO_DATA: Target.AWAY})
    reason = reason_for(changed(other, id="other"), ACTIVE, settings=settings)
    assert (reason.outcome, reason.rule, reason.rival) == (AppointmentOutcome.OUTRANKED, rule, "active")
    assert reason.words == f"outranked by the active appointment: {rule.value}"


def test_what_comes_after_next_names_it() -> None:
    later = reason_for(appointment("15:00", "16:00", "Later"), NEXT)
    assert (later.outcome, later.rule, later.rival) == (AppointmentOutcome.LATER, Rule.BEGINS_FIRST, "next")
    assert later.words == "later than the next appointment: the earliest comes next"
    longer = reason_for(changed(NEXT, id="a", end=at("14:00")), NEXT)
    assert (longer.outcome, longer.rule, longer.rival) == (AppointmentOutcome.LATER, Rule.EARLIER_END, "next")


def test_what_runs_and_what_comes_are_told_apart() -> None:
    begins_now = appointment("10:00", "11:00", id="begins now", show_as=ShowAs.WORKING_ELSEWHERE)
    calendar = [ACTIVE, begins_now, NEXT, appointment("15:00", "16:00", id="later")]
    assert [(reason.id, reason.outcome, reason.rival) for reason in decide(calendar, SHOWN, at("10:00")).reasons] == [
        ("active", AppointmentOutcome.ACTIVE, None),
        ("begins now", AppointmentOutcome.OUTRANKED, "active"),
        ("next", AppointmentOutcome.NEXT, None),
        ("later", AppointmentOutcome.LATER, "next"),
    ]


def test_beyond_a_horizon_in_hours_even_while_something_nearer_is_next() -> None:
    settings = replace(SHOWN, horizon_hours=3)
    assert (
        reason_for(appointment("15:00", "16:00"), NEXT, settings=settings).outcome is AppointmentOutcome.BEYOND_HORIZON
    )
    assert reason_for(appointment("13:00", "16:00"), NEXT, settings=settings).outcome is AppointmentOutcome.LATER
    assert decide([NEXT, appointment("15:00", "16:00")], settings, at("11:00")).valid_until == NEXT.start


def test_nothing_is_next_where_the_horizon_is_nothing() -> None:
    assert reason_for(NEXT, settings=replace(SHOWN, horizon_hours=0)).outcome is AppointmentOutcome.BEYOND_HORIZON


def test_reasons_are_in_the_order_of_the_starts() -> None:
    calendar = [NEXT, days("2026-03-02", "2026-03-07", id="days"), ACTIVE]
    assert [reason.id for reason in decide(calendar, SHOWN, at("10:00")).reasons] == ["days", "active", "next"]


def test_a_reason_tells_kind_target_and_the_times_that_counted() -> None:
    reason = reason_for(days("2026-03-04", "2026-03-06", id="days"))
    assert (reason.kind, reason.target, reason.all_day) == (AppointmentKind.OOF, Target.AWAY, True)
    assert (reason.start, reason.end) == (at("00:00"), at("2026-03-06 00:00"))
    assert reason_for(changed(ACTIVE, show_as=ShowAs.FREE)).target is None


def test_a_subject_is_in_its_reason_only_where_it_may_be_shown() -> None:
    assert reason_for(changed(ACTIVE, subject="One\nline")).subject == "One line"
    assert reason_for(ACTIVE, settings=replace(SHOWN, show_subject=False)).subject == ""
    for sensitivity in (Sensitivity.PRIVATE, Sensitivity.CONFIDENTIAL):
        assert "Active" not in repr(reason_for(changed(ACTIVE, sensitivity=sensitivity)))


def test_reasons_are_data() -> None:
    reason = reason_for(ACTIVE)
    assert msgspec.json.decode(msgspec.json.encode(reason), type=Reason) == reason


def test_a_decision_does_not_print_its_calendar() -> None:
    private = changed(ACTIVE, sensitivity=Sensitivity.PRIVATE)
    assert "Active" not in repr(decide([private], SHOWN, at("10:00")))
