"""How many requests are under way, and the pauses that Graph asks for."""

import asyncio
from random import Random

import pytest

from engine.exchange.errors import ExchangeBusy, ExchangeFailure, MailboxBusy, NotUnderstood
from engine.exchange.graph.throttle import AT_FIRST, MOST, PEACE, Concurrency, Throttle
from tests.support.clock import ManualClock

PEACE_SECONDS = PEACE.total_seconds()


def throttle(clock: ManualClock, connections: int = 32) -> Throttle:
    return Throttle(connections, clock, Random(3))


async def request(throttle: Throttle, throttled: int = 0, of: int = 20) -> None:
    async with throttle.turn() as begun:
        throttle.throttled(begun, throttled, of)


async def refused(throttle: Throttle, failure: ExchangeFailure) -> None:
    with pytest.raises(type(failure)):
        async with throttle.turn():
            raise failure


async def test_one_more_after_every_time_of_peace() -> None:
    concurrency = Concurrency(MOST, clock := ManualClock())
    for expected in (AT_FIRST, AT_FIRST + 1, AT_FIRST + 2):
        for _ in range(5):
            concurrency.went_well(concurrency.begin())
        assert concurrency.allowed == expected
        await clock.advance(PEACE_SECONDS)
    for _ in range(2 * MOST):
        concurrency.went_well(concurrency.begin())
        await clock.advance(PEACE_SECONDS)
    assert concurrency.allowed == MOST


async def test_several_engines_share_what_may_be_under_way() -> None:
    shared = throttle(clock := ManualClock(), connections=8)
    assert shared.at_once == 4
    shared.share_with(4)
    assert shared.at_once == 1
    async with shared.turn() as begun, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(request(shared))
        await asyncio.sleep(0)
        assert not waiting.done()
        shared.share_with(1)
        assert shared.at_once == 1, "more only after a time of peace"
        await clock.advance(PEACE_SECONDS)
        shared.throttled(begun, 0, 20)
        assert shared.at_once == 2
    shared.share_with(100)
    await request(shared)


async def test_a_complaint_halves_once_for_all_that_were_under_way() -> None:
    concurrency = Concurrency(MOST, ManualClock())
    under_way = [concurrency.begin() for _ in range(AT_FIRST)]
    for begun in under_way:
        concurrency.complained(begun)
    assert concurrency.allowed == AT_FIRST // 2
    for _ in range(5):
        concurrency.complained(concurrency.begin())
    assert concurrency.allowed == 1


@pytest.mark.parametrize(("throttled", "of", "left"), [(0, 20, 4), (5, 20, 4), (6, 20, 2), (1, 1, 4), (2, 3, 2)])
async def test_a_part_that_is_throttled_says_nothing_of_others_and_many_do(throttled: int, of: int, left: int) -> None:
    limits = throttle(ManualClock())
    await request(limits, throttled, of)
    assert limits.at_once == left


async def test_throttled_parts_are_no_peace() -> None:
    limits = throttle(clock := ManualClock())
    for _ in range(5):
        await clock.advance(PEACE_SECONDS)
        await request(limits, throttled=1)
    assert limits.at_once == AT_FIRST
    await request(limits)
    assert limits.at_once == AT_FIRST + 1


async def test_no_more_are_under_way_than_allowed() -> None:
    limits = throttle(ManualClock())
    await request(limits, throttled=20)
    under_way = 0

    async def one() -> int:
        nonlocal under_way
        async with limits.turn():
            under_way += 1
            await asyncio.sleep(0)
            most = under_way
            await asyncio.sleep(0)
            under_way -= 1
            return most

    assert max(await asyncio.gather(*(one() for _ in range(12)))) == limits.at_once == 2


async def test_slow_mailboxes_wait_for_one_another_and_nobody_waits_for_them() -> None:
    limits = throttle(ManualClock(), connections=8)
    async with limits.turn(alone=True), limits.turn(alone=True), asyncio.TaskGroup() as group:
        waiting = group.create_task(_turn(limits, alone=True))
        await _turn(limits, alone=False)
        assert not waiting.done()
        waiting.cancel()


async def _turn(limits: Throttle, *, alone: bool) -> None:
    async with limits.turn(alone=alone):
        await asyncio.sleep(0)


@pytest.mark.parametrize("connections", [1, 2, 3, 8, 64])
async def test_all_requests_have_a_connection(connections: int) -> None:
    limits = throttle(clock := ManualClock(), connections=connections)
    for _ in range(MOST):
        await clock.advance(PEACE_SECONDS)
        await request(limits)
    assert limits.at_once == max(1, min(MOST, connections - max(1, connections // 4)))


async def test_a_pause_of_everybody() -> None:
    limits = throttle(clock := ManualClock())
    await refused(limits, ExchangeBusy("wait", retry_after=10))
    assert limits.at_once == AT_FIRST // 2
    await clock.advance(9.9)
    with pytest.raises(ExchangeBusy) as waiting:
        await request(limits)
    assert waiting.value.retry_after == pytest.approx(0.1, abs=10 * 0.25 + 0.1)
    await clock.advance(10 * 0.25 + 0.1)
    await request(limits)


async def test_pauses_that_nobody_asks_for_grow_until_an_answer() -> None:
    limits = throttle(clock := ManualClock())
    for longest in (2, 4, 8):
        await refused(limits, ExchangeBusy("wait"))
        with pytest.raises(ExchangeBusy):
            await request(limits)
        await clock.advance(longest)
    await request(limits)
    await refused(limits, ExchangeBusy("wait"))
    await clock.advance(2)
    await request(limits)


async def test_other_failures_pause_nobody() -> None:
    limits = throttle(ManualClock())
    await refused(limits, NotUnderstood("a page"))
    await request(limits)
    assert limits.at_once == AT_FIRST


async def test_a_pause_of_one_mailbox() -> None:
    limits = throttle(clock := ManualClock())
    limits.pause("anna", 8)
    with pytest.raises(MailboxBusy):
        limits.check("anna")
    limits.check("ben")
    await clock.advance(10)
    limits.check("anna")
