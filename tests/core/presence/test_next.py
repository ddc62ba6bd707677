"""Step 2, second half: the next appointment, and the horizon."""

from dataclasses import replace

import pytest

from engine.core.appointments import ShowAs
from engine.core.presence import decide
from tests.core.presence.calendars import SHOWN, appointment, at, changed, days, note

AFTERNOON = appointment("14:00", "15:00", "Afternoon")
EVENING = appointment("20:00", "21:00", "Evening")
TOMORROW = appointment("2026-03-05 09:00", "2026-03-05 10:00", "Tomorrow")


def test_next_is_what_begins_first() -> None:
    assert note(EVENING, AFTERNOON) == "Available until 2pm (Busy: Afternoon)"


def test_what_begins_now_is_active_and_not_next() -> None:
    assert note(AFTERNOON, EVENING, now="14:00") == "Busy: Afternoon until 3pm"


def test_ties_for_next_go_by_the_key_of_the_active_one() -> None:
    away = changed(AFTERNOON, id="z", subject="Trip", show_as=ShowAs.OOF)
    assert note(AFTERNOON, away) == "Available until 2pm (Away: Trip)"
    assert note(away, AFTERNOON) == "Available until 2pm (Away: Trip)"


def test_what_leaves_one_available_is_never_next() -> None:
    home = appointment("11:00", "12:00", "Home", show_as=ShowAs.WORKING_ELSEWHERE)
    assert note(home) == ""
    assert note(home, AFTERNOON) == "Available until 2pm (Busy: Afternoon)"


def test_by_default_nothing_after_the_local_day_is_next() -> None:
    last_minute = appointment("23:59", "2026-03-05 01:00", "Night")
    midnight = appointment("2026-03-05 00:00", "2026-03-05 01:00", "Night")
    assert note(last_minute, now="00:00") == "Available until 11:59pm (Busy: Night)"
    assert note(midnight, now="23:59") == ""
    assert decide([TOMORROW], SHOWN, at("10:00")).valid_until == at("2026-03-05 00:00")
    assert note(TOMORROW, now="2026-03-05 00:00") == "Available until 9am (Busy: Tomorrow)"


@pytest.mark.parametrize(("hours", "seen_from"), [(1.0, "13:00"), (2.5, "11:30"), (16.0, "2026-03-03 22:00")])
def test_a_horizon_in_hours_replaces_the_local_day(hours: float, seen_from: str) -> None:
    settings = replace(SHOWN, horizon_hours=hours)
    before = decide([AFTERNOON], settings, at("2026-03-03 12:00"))
    assert before.presence.note == ""
    assert before.valid_until == at(seen_from)
    assert "(Busy: Afternoon)" in decide([AFTERNOON], settings, at(seen_from)).presence.note


def test_a_long_horizon_reaches_into_other_days() -> None:
    settings = replace(SHOWN, horizon_hours=1e12)
    assert note(TOMORROW, settings=settings) == "Available until tomorrow 9am (Busy: Tomorrow)"
    vacation = days("2026-03-09", "2026-03-14")
    assert note(vacation, settings=settings) == "Available until Monday 12am (Away: Vacation)"


@pytest.mark.parametrize("hours", [0.0, -1.0])
def test_a_horizon_of_nothing_never_shows_what_comes_next(hours: float) -> None:
    settings = replace(SHOWN, horizon_hours=hours)
    assert note(AFTERNOON, now="13:59", settings=settings) == ""
    home = appointment("09:00", "17:00", "Home", show_as=ShowAs.WORKING_ELSEWHERE)
    assert note(AFTERNOON, home, now="13:59", settings=settings) == "Home until 5pm"
    assert decide([AFTERNOON], settings, at("13:00")).valid_until == AFTERNOON.start
