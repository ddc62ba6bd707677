import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sync.scheduling import Schedule, WakeableTimer
from tests.support.clock import ManualClock

START = ManualClock().now()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_whoever_is_due_longest_comes_first_and_once() -> None:
    timetable = Schedule()
    timetable.set("b", START + timedelta(seconds=2))
    timetable.set("a", START + timedelta(seconds=1))
    timetable.set("c", START + timedelta(seconds=9))
    now = START + timedelta(seconds=5)
    assert [timetable.pop_due(now) for _ in range(3)] == ["a", "b", None]
    assert timetable.earliest() == at(9)


def test_setting_again_moves_and_discarding_removes() -> None:
    timetable = Schedule()
    timetable.set("a", START)
    timetable.set("a", START + timedelta(seconds=60))
    timetable.set("b", START)
    timetable.discard("b")
    assert timetable.pop_due(START) is None
    assert timetable.earliest() == at(60)
    assert len(timetable) == 1
    assert "b" not in timetable


def test_bringing_forward_never_postpones() -> None:
    timetable = Schedule()
    timetable.bring_forward("a", at(60))
    timetable.bring_forward("a", at(90))
    assert timetable.earliest() == at(60)
    timetable.bring_forward("a", at(30))
    assert timetable.earliest() == at(30)
    assert len(timetable) == 1


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 20)), max_size=40), st.integers(0, 20))
def test_it_equals_a_plain_dictionary(changes: list[tuple[str, int | None]], now: int) -> None:
    timetable, model = Schedule(), dict[str, int]()
    for key, seconds in changes:
        if seconds is None:
            timetable.discard(key)
            model.pop(key, None)
        else:
            timetable.set(key, START + timedelta(seconds=seconds))
            model[key] = seconds
    assert timetable.earliest() == (at(min(model.values())) if model else None)
    due = list(iter(lambda: timetable.pop_due(START + timedelta(seconds=now)), None))
    assert sorted(due) == sorted(key for key, seconds in model.items() if seconds <= now)
    assert [model[key] for key in due] == sorted(model[key] for key in due)


def test_moving_the_same_keys_again_and_again_takes_no_more_room() -> None:
    timetable = Schedule()
    for turn in range(10_000):
        timetable.set(str(turn % 10), START + timedelta(days=1, seconds=turn))
    assert len(timetable) == 10
    assert timetable.size < 200
    assert timetable.earliest() == START + timedelta(days=1, seconds=9_990)


async def test_an_alarm_rings_at_its_instant_or_when_woken() -> None:
    clock = ManualClock()
    alarm = WakeableTimer(clock)
    fired: list[str] = []

    async def wait(until: float | None, name: str) -> None:
        await alarm.wait(None if until is None else START + timedelta(seconds=until))
        fired.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(wait(10, "by time"))
        await clock.advance(9)
        assert fired == []
        await clock.advance(1)
    assert fired == ["by time"]

    async with asyncio.TaskGroup() as group:
        group.create_task(wait(None, "woken"))
        await asyncio.sleep(0)
        alarm.wake()
    assert fired == ["by time", "woken"]


async def test_waking_before_the_wait_is_not_lost() -> None:
    alarm = WakeableTimer(ManualClock())
    alarm.wake()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(alarm.wait(None))
        await asyncio.sleep(0)
        assert waiting.done()


def test_hastening_never_puts_off() -> None:
    timetable = Schedule()
    timetable.bring_forward("a", at(2))
    timetable.bring_forward("b", at(2))
    timetable.bring_forward("a", at(9))
    assert timetable.pop_due(at(5)) == "a"
    timetable.bring_forward("b", at(1))
    assert timetable.earliest() == at(1)
