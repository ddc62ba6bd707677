"""What could not be done is left alone for a while, and not for ever."""

from datetime import timedelta
from random import Random

from engine.exchange.ews.streaming.bars import Bars
from tests.support.clock import ManualClock


async def test_a_bar_has_a_reason_and_an_end() -> None:
    clock = ManualClock()
    bars = Bars(timedelta(minutes=30), clock, Random(1))
    bars.put("anna", "no")
    bars.put("bert", "no")
    assert (bars.reason("anna"), bars.reason("clara")) == ("no", "")
    bars.lift("bert")
    bars.lift("clara")
    await clock.advance(22 * 60)
    assert (bars.reason("anna"), bars.reason("bert")) == ("no", "")
    await clock.advance(16 * 60)
    assert bars.reason("anna") == ""
