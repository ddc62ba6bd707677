"""Pauses affect exactly those that they are meant for."""

import asyncio
from datetime import timedelta
from random import Random

import pytest

from engine.core.backoff import JITTER
from engine.exchange.errors import (
    ExchangeBusy,
    ExchangeFailure,
    MailboxBusy,
    MailboxTrouble,
    ServiceAccountBusy,
    TooManyAtOnce,
)
from engine.exchange.ews.throttle import A_VISIT, Throttle
from tests.support.clock import ManualClock
from tests.support.quiescence import quiescence

URL = "https://mail.example.com/EWS/Exchange.asmx"
OTHER = "https://other.example.com/EWS/Exchange.asmx"
ANNA, BEN = "anna@example.com", "ben@example.com"


@pytest.fixture
def throttle(clock: ManualClock) -> Throttle:
    return Throttle(8, clock, Random(1))


async def ask(throttle: Throttle, mailbox: str | None, url: str = URL, failure: ExchangeFailure | None = None) -> None:
    async with throttle.turn(url, mailbox):
        if failure is not None:
            raise failure


async def paused(throttle: Throttle, mailbox: str | None, url: str = URL) -> float | None:
    """Seconds that are left of a pause, None where a request may go out."""
    try:
        await ask(throttle, mailbox, url)
    except ExchangeBusy as busy:
        return busy.retry_after
    return None


async def test_a_mailbox_waits_alone(throttle: Throttle, clock: ManualClock) -> None:
    with pytest.raises(MailboxBusy):
        await ask(throttle, ANNA, failure=MailboxBusy(retry_after=30))
    await clock.advance(10)
    assert await paused(throttle, ANNA) == 20
    assert await paused(throttle, BEN) is None
    assert await paused(throttle, None) is None
    await clock.advance(20)
    assert await paused(throttle, ANNA) is None


async def test_the_service_account_waits_and_impersonation_goes_on(throttle: Throttle) -> None:
    with pytest.raises(ServiceAccountBusy):
        await ask(throttle, None, failure=ServiceAccountBusy(retry_after=30))
    assert await paused(throttle, None) == 30
    assert await paused(throttle, ANNA) is None


async def test_a_server_that_turns_away_is_left_alone_altogether(throttle: Throttle) -> None:
    with pytest.raises(ExchangeBusy):
        await ask(throttle, ANNA, failure=ExchangeBusy(retry_after=30))
    for mailbox in (ANNA, BEN, None):
        assert await paused(throttle, mailbox) == 30
        assert await paused(throttle, mailbox, OTHER) is None


async def test_a_later_shorter_pause_does_not_cut_the_longer_one(throttle: Throttle) -> None:
    async def refused_later(seconds: float) -> None:
        async with throttle.turn(URL, ANNA):
            await asyncio.sleep(0)
            raise MailboxBusy(retry_after=seconds)

    await asyncio.gather(refused_later(60), refused_later(5), return_exceptions=True)
    assert await paused(throttle, ANNA) == 60


async def most_at_once(throttle: Throttle) -> int:
    """How many of 20 requests are let out before one of them is answered."""
    under_way = 0
    answered = asyncio.Event()

    async def one(number: int) -> None:
        nonlocal under_way
        async with throttle.turn(URL, f"user{number}@example.com"):
            under_way += 1
            await answered.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(one(number))
        for _ in range(10):
            await asyncio.sleep(0)
        most = under_way
        answered.set()
    return most


@pytest.mark.parametrize(
    ("failure", "left"),
    [
        (ExchangeBusy(), 4),
        (ServiceAccountBusy(), 4),
        (TooManyAtOnce(), 4),
        (MailboxBusy(), 8),
        (MailboxTrouble(), 8),
    ],
    ids=lambda value: getattr(value, "slug", None),
)
async def test_who_complains_about_all_gets_half_as_much_and_a_single_mailbox_costs_the_others_nothing(
    throttle: Throttle, failure: ExchangeFailure, left: int
) -> None:
    assert await most_at_once(throttle) == 8
    with pytest.raises(type(failure)):
        await ask(throttle, ANNA, failure=failure)
    assert await most_at_once(throttle) == left
    for _ in range(10):
        await most_at_once(throttle)
    assert await most_at_once(throttle) == 8


async def test_who_gives_up_waiting_passes_the_turn_on(clock: ManualClock) -> None:
    throttle = Throttle(1, clock, Random(1))
    answered = asyncio.Event()

    async def one() -> None:
        async with throttle.turn(URL, ANNA):
            await answered.wait()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        answered.set()
        await asyncio.wait([tasks[0]])
        tasks[2].cancel()
    assert tasks[1].cancelled()
    assert not any(task.cancelled() for task in (tasks[0], *tasks[3:]))


async def test_the_service_account_waits_longer_each_time_where_exchange_does_not_say_how_long(
    throttle: Throttle, clock: ManualClock
) -> None:
    async def refused() -> None:
        async with throttle.turn(URL, None):
            await asyncio.sleep(0)
            raise ServiceAccountBusy

    for pause in (10, 20, 40, 80, 160, 320, 600, 600):
        # All that were under way are refused for the same reason.
        await asyncio.gather(*(refused() for _ in range(4)), return_exceptions=True)
        left = await paused(throttle, None)
        assert left is not None
        assert (1 - JITTER) * pause <= left <= pause
        assert await paused(throttle, ANNA) is None
        await clock.advance(left)
    await ask(throttle, None)
    await asyncio.gather(refused(), return_exceptions=True)
    assert (await paused(throttle, None) or 0) <= 10


async def test_nobody_overtakes_those_who_wait(clock: ManualClock) -> None:
    throttle, order = Throttle(1, clock, Random(1)), list[str]()

    async def ask(*names: str) -> None:
        for name in names:
            async with throttle.turn(URL, ANNA):
                order.append(name)
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for names in (("first", "last"), ("second",), ("third",)):
            group.create_task(ask(*names))
    assert order == ["first", "second", "third", "last"]


async def test_several_engines_share_all_limits(throttle: Throttle, clock: ManualClock) -> None:
    async def under_way(mailboxes: int) -> int:
        """Return how many of the requests are sent at once."""
        begun, over = list[int](), asyncio.Event()

        async def ask(number: int) -> None:
            async with throttle.turn(URL, f"{number}@example.com"):
                begun.append(number)
                await over.wait()

        async with asyncio.TaskGroup() as group:
            for number in range(mailboxes):
                group.create_task(ask(number))
            await quiescence()
            at_once = len(begun)
            over.set()
        return at_once

    assert await under_way(20) == 8
    throttle.share_with(4)
    assert await under_way(20) == 2
    throttle.share_with(100)
    assert await under_way(3) == 1
    assert throttle.held_back_until(ANNA) is None, "a visit is always possible"
    for _ in range(3):
        await ask(throttle, ANNA)
    assert throttle.held_back_until(ANNA) == clock.now() + timedelta(minutes=A_VISIT)
    throttle.share_with(1)
    assert throttle.held_back_until(ANNA) is None
    assert await under_way(20) == 8
