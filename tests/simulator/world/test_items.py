"""Series recur at the same local time; calendars can be changed while they are read."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.appointments import ShowAs
from engine.simulator.world import ItemKind, Series, World, corp_world, generate

DAY = date(2026, 3, 2)
ANNA = "anna.mueller@corp.example"


@pytest.fixture
def world() -> World:
    world = corp_world(DAY)
    world.clear(ANNA)
    return world


def daily(world: World, **fields: object) -> Series:
    first = world.appointment("daily", "09:00-09:30")
    series = Series(first=first, interval=1, last=DAY + timedelta(days=60))
    return msgspec.structs.replace(series, **fields)


def local_starts(world: World, days: int) -> list[datetime]:
    items = world.occurrences(ANNA, world.instant("00:00"), world.instant("00:00", days))
    return [item.start.astimezone(world.zone) for item in items]


def test_a_series_keeps_its_time_of_day_over_a_clock_change(world: World) -> None:
    world.put(ANNA, daily(world))
    starts = local_starts(world, 40)
    assert len(starts) == 40
    assert {start.time() for start in starts} == {time(9)}
    assert len({start.utcoffset() for start in starts}) == 2


def test_workdays_are_monday_to_friday(world: World) -> None:
    world.put(ANNA, daily(world, workdays_only=True))
    assert [start.weekday() for start in local_starts(world, 7)] == [0, 1, 2, 3, 4]


def test_deleted_and_changed_occurrences_leave_their_place(world: World) -> None:
    moved = world.appointment("daily@2026-03-03", "15:00-15:30", day=1, kind=ItemKind.EXCEPTION)
    changed = {DAY + timedelta(days=1): moved}
    world.put(ANNA, daily(world, deleted=frozenset({DAY}), changed=changed))
    assert [(start.day, start.hour) for start in local_starts(world, 3)] == [(3, 15), (4, 9)]


def test_an_occurrence_is_found_by_its_key_as_long_as_it_is_one(world: World) -> None:
    world.put(ANNA, daily(world, deleted=frozenset({DAY})))
    item = world.item(ANNA, "daily@2026-03-04")
    assert item is not None
    assert item.start == world.instant("09:00", 2)
    for key in ("daily@2026-03-02", "daily@2025-01-01", "daily@2027-01-01", "daily@never", "daily", "nothing"):
        assert world.item(ANNA, key) is None


def test_entries_come_and_go(world: World) -> None:
    first = world.appointment("a", "09:00-10:00", subject="First", show_as=ShowAs.TENTATIVE)
    world.put(ANNA, first)
    world.put(ANNA, world.appointment("a", "11:00-12:00"))
    assert [start.hour for start in local_starts(world, 1)] == [11]
    world.remove(ANNA.upper(), "a")
    assert local_starts(world, 1) == []
    with pytest.raises(KeyError):
        world.remove(ANNA, "a")
    with pytest.raises(KeyError):
        world.occurrences("nobody@corp.example", first.start, first.end)


def test_a_span_past_midnight_ends_on_the_next_day(world: World) -> None:
    item = world.appointment("night", "22:30-01:30")
    assert item.end - item.start == timedelta(hours=3)


def test_whole_days_have_23_hours_when_the_clock_changes() -> None:
    item = corp_world(date(2026, 3, 29)).whole_days("sunday")
    assert item.all_day
    assert item.end - item.start == timedelta(hours=23)


@pytest.mark.slow
@given(start=st.integers(-2000, 3000), length=st.integers(0, 3000))
def test_a_view_holds_exactly_what_overlaps_it(start: int, length: int) -> None:
    world = generate(1, 40, DAY, corp_world(DAY).zone)
    mailbox = world.people[0].mailbox or ""
    begin = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=start)
    end = begin + timedelta(minutes=length)
    items = world.occurrences(mailbox, begin - timedelta(days=9), begin + timedelta(days=9))
    expected = [item for item in items if item.end > begin and item.start < end]
    assert world.occurrences(mailbox, begin, end) == expected


def test_a_generated_world_has_the_size_asked_for() -> None:
    world = generate(3, 50, DAY, corp_world(DAY).zone)
    assert len(world.people) == 3
    for person in world.people:
        items = world.occurrences(person.mailbox or "", world.instant("00:00"), world.instant("00:00", 30))
        assert len(items) == len({item.key for item in items}) == 50
        assert all(earlier.end <= later.start for earlier, later in pairwise(items))
