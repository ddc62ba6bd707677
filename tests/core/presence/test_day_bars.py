"""Bars of a day: they lie in it, do not overlap, and each tells the most important kind at its time."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import AppointmentKind, PresenceSettings, decide
from engine.core.presence.candidates import KIND_ORDER, candidate
from engine.core.presence.day_bars import NOT_DRAWN, KindBar, day_bars
from engine.core.presence.local_days import day_of, local_day
from tests.core.presence.strategies import questions

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTINGS = PresenceSettings()


def meeting(start: float, end: float, show_as: ShowAs = ShowAs.BUSY) -> Appointment:
    return Appointment(id="a", start=NINE + start * HOUR, end=NINE + end * HOUR, show_as=show_as)


def test_what_touches_is_one_bar_and_the_more_important_kind_is_in_front() -> None:
    calendar = (meeting(0, 1), meeting(1, 2), meeting(1.5, 3, ShowAs.TENTATIVE), meeting(4, 5, ShowAs.FREE))
    assert day_bars(calendar, SETTINGS, NINE, NINE + 8 * HOUR).kinds == (
        KindBar(NINE, NINE + 2 * HOUR, AppointmentKind.BUSY),
        KindBar(NINE + 2 * HOUR, NINE + 3 * HOUR, AppointmentKind.TENTATIVE),
        KindBar(NINE + 4 * HOUR, NINE + 5 * HOUR, None),
    )


def test_a_bar_ends_with_the_day() -> None:
    assert day_bars([meeting(-5, 20)], SETTINGS, NINE, NINE + HOUR).kinds == (
        KindBar(NINE, NINE + HOUR, AppointmentKind.BUSY),
    )


@pytest.mark.property
@given(questions(), st.floats(0, 1))
def test_every_bar_is_true(question: tuple[list[Appointment], PresenceSettings, datetime], share: float) -> None:
    calendar, settings, now = question
    start, end = day_of(local_day(now, settings.timezone), settings.timezone)
    bars, activities = day_bars(calendar, settings, start, end)
    for several in ([(bar.start, bar.end) for bar in each] for each in (bars, activities)):
        assert all(begin < until for begin, until in several)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(several))
        assert not several or (start <= several[0][0] and several[-1][1] <= end)
    instant = start + share * (end - start)
    candidates = (candidate(appointment, settings) for appointment in calendar)
    there = [each for each in candidates if each.dropped not in NOT_DRAWN and instant < end]
    running = {each.kind for each in there if each.start <= instant < each.end}
    told = [bar.kind for bar in bars if bar.start <= instant < bar.end]
    assert told == ([min(running, key=[*KIND_ORDER, None].index)] if running else [])
    shown = [bar.activity.value for bar in activities if bar.start <= instant < bar.end]
    expected = decide(calendar, settings, instant).presence.activity if instant < end else ""
    assert shown == ([expected] if expected else [])
