"""Corrupt items are narrowed down with a limited number of requests, and everything else is read."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.appointments import Appointment
from engine.exchange.errors import CalendarItemCorrupt
from engine.exchange.ews.corrupt_items import MOST_READS, NARROWEST, FoundItems, read_around_corrupt, stand_in
from engine.exchange.source import Window

START = datetime(2026, 3, 2, tzinfo=UTC)
WHOLE = Window(START, START + timedelta(hours=99))
SURPLUS = 5 * NARROWEST
"""What may be given up besides the corrupt item itself: at each of its ends as much as the narrowest part has, which is
less than two quarters of an hour, and once that much again where an item across a middle uses up all requests."""

stretches = st.tuples(st.integers(0, 98 * 60), st.integers(1, 120)).map(lambda pair: stretch(*pair))


def stretch(minute: int, minutes: int) -> Window:
    begins = START + timedelta(minutes=minute)
    return Window(begins, begins + timedelta(minutes=minutes))


def overlap(one: Window, other: Window) -> bool:
    return one.start < other.end and other.start < one.end


def length(parts: Iterable[Window]) -> timedelta:
    return sum((part.end - part.start for part in parts), timedelta())


class Server:
    """Refuses whatever has a corrupt item in it."""

    def __init__(self, good: list[Window], corrupt: list[Window]) -> None:
        self.good = good
        self.corrupt = corrupt
        self.asked: list[Window] = []

    async def read(self, window: Window) -> FoundItems:
        self.asked.append(window)
        if any(overlap(each, window) for each in self.corrupt):
            raise CalendarItemCorrupt("ErrorItemCorrupt")
        inside = (each for each in self.good if overlap(each, window))
        return {each.start.isoformat(): Appointment(id="", start=each.start, end=each.end) for each in inside}


def search(
    server: Server, window: Window = WHOLE, known: tuple[Window, ...] = ()
) -> tuple[FoundItems, tuple[Window, ...]]:
    return asyncio.run(read_around_corrupt(server.read, window, known))


@pytest.mark.slow
@given(st.lists(stretches, max_size=6), stretches)
def test_all_counts_that_does_not_lie_wholly_in_what_is_told_as_unreadable(good: list[Window], bad: Window) -> None:
    server = Server(good, [bad])
    found, unreadable = search(server)
    assert len(server.asked) <= MOST_READS
    for each in good:
        inside = any(part.start <= each.start and min(each.end, WHOLE.end) <= part.end for part in unreadable)
        assert inside or each.start.isoformat() in found
    if bad.end <= WHOLE.end:
        assert any(overlap(part, bad) for part in unreadable)
    assert length(unreadable) <= bad.end - bad.start + SURPLUS


@pytest.mark.parametrize("minutes", [1, 60, 119, 120])
def test_the_requests_are_enough_for_one_item_wherever_it_lies(minutes: int) -> None:
    async def given_up(begins: int) -> timedelta:
        _, unreadable = await read_around_corrupt(Server([], [stretch(begins, minutes)]).read, WHOLE, ())
        return length(unreadable)

    async def most() -> timedelta:
        return max([await given_up(begins) for begins in range(0, 97 * 60, 7)])

    assert asyncio.run(most()) <= timedelta(minutes=minutes) + SURPLUS


def test_what_must_be_in_the_second_half_is_not_asked_for_as_a_whole() -> None:
    server = Server([], [stretch(99 * 60 - 5, 5)])
    search(server)
    halvings = 8
    assert len(server.asked) == halvings + 1


@pytest.mark.slow
@given(st.lists(stretches, max_size=6), st.lists(stretches, min_size=1, max_size=30))
def test_it_ends_whatever_there_is(good: list[Window], bad: list[Window]) -> None:
    server = Server(good, bad)
    try:
        found, unreadable = search(server)
    except CalendarItemCorrupt:
        found, unreadable = {}, (WHOLE,)
    assert len(server.asked) <= MOST_READS
    assert list(unreadable) == sorted(unreadable, key=lambda part: part.start)
    for each in good:
        inside = any(part.start <= each.start and min(each.end, WHOLE.end) <= part.end for part in unreadable)
        assert inside or each.start.isoformat() in found


def test_where_it_was_is_not_searched_for_again() -> None:
    server = Server([stretch(0, 60)], [stretch(3000, 30)])
    _, unreadable = search(server)
    server.asked.clear()
    later = Window(WHOLE.start + timedelta(minutes=2), WHOLE.end + timedelta(minutes=2))
    found, again = search(server, later, unreadable)
    assert len(server.asked) == 2
    assert again == unreadable
    assert len(found) == 1


def test_where_nothing_can_be_read_that_is_the_failure() -> None:
    with pytest.raises(CalendarItemCorrupt, match="ErrorItemCorrupt"):
        search(Server([], [Window(WHOLE.start - timedelta(days=9), WHOLE.end + timedelta(days=9))]))


def test_what_is_told_in_its_place_takes_no_part() -> None:
    assert not stand_in(stretch(0, 15)).is_understood
