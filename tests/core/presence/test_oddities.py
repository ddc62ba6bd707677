"""Invalid calendars raise no exception, lead to a sensible decision, and are reported as oddities."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from engine.core.appointments import Appointment
from engine.core.presence import CLEARED, AppointmentOutcome, Oddity, Presence, decide
from tests.core.presence.calendars import SHOWN, appointment, at, changed, days

MEETING = appointment("09:00", "11:00")
NEVER = datetime(1601, 1, 1, tzinfo=UTC)
FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def oddities(one: Appointment) -> tuple[Oddity, ...]:
    return decide([one], SHOWN, at("10:00")).reasons[0].oddities


def test_an_ordinary_appointment_has_none() -> None:
    assert oddities(MEETING) == ()
    assert oddities(days("2026-03-04", "2026-03-05")) == ()
    assert oddities(appointment("10:00", "10:00")) == ()
    assert oddities(appointment("10:00", "11:00", "x" * 255)) == ()


def test_an_end_before_the_start_never_counts() -> None:
    backwards = appointment("11:00", "09:00")
    assert decide([backwards], SHOWN, at("10:00")).presence == CLEARED
    reason = decide([backwards], SHOWN, at("10:00")).reasons[0]
    assert reason.oddities == (Oddity.ENDS_BEFORE_IT_BEGINS,)
    assert reason.words.endswith("; odd: it ends before it starts")
    whole_days_backwards = changed(days("2026-03-04", "2026-03-05"), end=at("2026-03-03 00:00"))
    assert decide([whole_days_backwards], SHOWN, at("10:00")).presence == CLEARED


@pytest.mark.parametrize("start", [NEVER, datetime.min.replace(tzinfo=UTC), at("09:00")])
@pytest.mark.parametrize("end", [FOR_EVER, datetime.max.replace(tzinfo=UTC), at("2026-03-05 00:00")])
@pytest.mark.parametrize("all_day", [False, True])
def test_dates_at_the_ends_of_time_are_lived_with(start: datetime, end: datetime, all_day: bool) -> None:
    decision = decide([changed(MEETING, start=start, end=end, all_day=all_day)], SHOWN, at("10:00"))
    assert decision.presence.activity == "busy"
    assert decision.presence.note.startswith("Busy: Meeting")
    implausible = start.year < 1900 or end.year > 2200
    assert (Oddity.IMPLAUSIBLE_DATE in decision.reasons[0].oddities) == implausible


@pytest.mark.parametrize("all_day", [False, True])
def test_what_begins_or_ended_at_the_ends_of_time_is_not_shown(all_day: bool) -> None:
    long_ago = changed(MEETING, start=NEVER, end=NEVER + timedelta(days=1), all_day=all_day)
    far_away = changed(MEETING, start=FOR_EVER - timedelta(days=1), end=FOR_EVER, all_day=all_day)
    assert decide([long_ago], SHOWN, at("10:00")) == decide([], SHOWN, at("10:00"))
    assert decide([far_away], SHOWN, at("10:00")).presence == CLEARED


def test_an_unknown_free_busy_state_counts_as_no_data() -> None:
    strange = changed(MEETING, show_as=cast("Any", "on_the_moon"))
    reason = decide([strange], SHOWN, at("10:00")).reasons[0]
    assert (reason.outcome, reason.kind) == (AppointmentOutcome.IGNORED, "no_data")
    assert reason.oddities == (Oddity.UNKNOWN_SHOW_AS,)


def test_an_unknown_sensitivity_counts_as_private() -> None:
    strange = changed(MEETING, sensitivity=cast("Any", "top_secret"))
    decision = decide([strange], SHOWN, at("10:00"))
    assert decision.presence == Presence("busy", "Busy until 11am")
    assert (decision.reasons[0].subject, decision.reasons[0].oddities) == ("", (Oddity.UNKNOWN_SENSITIVITY,))


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["x" * 256, "x" * 100_000, "x\n" * 50_000, "\u0301" * 100_000, " " * 100_000])
def test_an_endless_subject_is_cut_and_odd(subject: str) -> None:
    decision = decide([changed(MEETING, subject=subject)], SHOWN, at("10:00"))
    assert len(decision.presence.note) <= 128
    assert decision.presence.note.endswith(" until 11am")
    assert len(decision.reasons[0].subject) <= 255
    assert decision.reasons[0].oddities == (Oddity.OVERLONG_SUBJECT,)


def test_a_crowd_of_appointments_has_one_winner() -> None:
    crowd = [changed(MEETING, id=f"{n:04}", start=at("08:00") + timedelta(seconds=n)) for n in range(2000)]
    decision = decide(crowd, SHOWN, at("10:00"))
    outcomes = [reason.outcome for reason in decision.reasons]
    assert decision.presence == Presence("busy", "Busy: Meeting until 11am")
    assert outcomes == [AppointmentOutcome.OUTRANKED] * 1999 + [AppointmentOutcome.ACTIVE]
