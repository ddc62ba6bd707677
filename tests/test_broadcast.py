"""All waiting tasks are woken once, and none for an earlier notification."""

import asyncio
from datetime import timedelta

from engine.broadcast import Broadcast
from tests.support.clock import ManualClock


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_all_who_wait_go_on_and_later_ones_wait_for_the_next_time() -> None:
    broadcast = Broadcast()
    broadcast.notify()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(broadcast.wait()) for _ in range(3)]
        await turns()
        assert not any(each.done() for each in waiting)
        broadcast.notify()
        late = group.create_task(broadcast.wait())
        await turns()
        assert all(each.done() for each in waiting)
        assert not late.done()
        broadcast.notify()


async def test_a_wait_ends_in_time_and_wakes_nobody_else() -> None:
    broadcast, clock = Broadcast(), ManualClock()
    async with asyncio.TaskGroup() as group:
        timed = group.create_task(broadcast.wait_until(clock.now() + timedelta(seconds=5), clock))
        other = group.create_task(broadcast.wait())
        await turns()
        await clock.advance(4)
        assert not timed.done()
        await clock.advance(1)
        await turns()
        assert timed.done()
        assert not other.done()
        broadcast.notify()


async def test_a_timed_wait_ends_as_soon_as_it_happens() -> None:
    broadcast, clock = Broadcast(), ManualClock()
    async with asyncio.TaskGroup() as group:
        timed = group.create_task(broadcast.wait_until(clock.now() + timedelta(seconds=5), clock))
        await turns()
        broadcast.notify()
        await turns()
        assert timed.done()
    assert clock.next_alarm is None
