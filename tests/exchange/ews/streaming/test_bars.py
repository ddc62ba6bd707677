"""Tests of the blocklist: a failed key is blocked for a while, and not forever."""

from datetime import timedelta
from random import Random

from engine.core.backoff import doubling
from engine.exchange.ews.streaming.subscriptions import Blocklist
from tests.support.clock import ManualClock


async def test_a_bar_has_a_reason_and_an_end() -> None:
    clock = ManualClock()
    bars = Blocklist(doubling(timedelta(minutes=30), timedelta(hours=4)), clock, Random(1))
    bars.block("anna", "no")
    bars.block("bert", "no")
    assert (bars.reason("anna"), bars.reason("clara")) == ("no", "")
    bars.unblock("bert")
    bars.unblock("clara")
    await clock.advance(22 * 60)
    assert (bars.reason("anna"), bars.reason("bert")) == ("no", "")
    await clock.advance(16 * 60)
    assert bars.reason("anna") == ""


async def test_a_bar_that_is_put_again_lasts_longer_until_it_is_lifted() -> None:
    clock = ManualClock()
    bars = Blocklist(doubling(timedelta(minutes=10), timedelta(minutes=80)), clock, Random(1))

    async def lasts() -> float:
        bars.block("anna", "no")
        begun = clock.now()
        while bars.reason("anna"):
            await clock.advance(30)
        return (clock.now() - begun).total_seconds() / 60

    first, second, third = [await lasts() for _ in range(3)]
    assert 7 <= first <= 11 < 14 <= second <= 21 < 29 <= third <= 41
    bars.unblock("anna")
    assert await lasts() <= 11
