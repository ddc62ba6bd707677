from datetime import UTC, datetime, timedelta

import pytest

from engine.sync import clocks
from engine.sync.clocks import SteadyClock, SystemClock
from tests.support.idle_time import idle_seconds


async def test_a_fast_clock_lets_an_hour_pass_in_a_moment() -> None:
    start = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
    clock = SteadyClock(start, speed=360_000)
    begun = idle_seconds()
    await clock.sleep_until(start + timedelta(hours=1))
    assert clock.now() >= start + timedelta(hours=1)
    assert idle_seconds() - begun < 1


async def test_the_system_clock_notices_that_somebody_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wall(SystemClock):
        shown = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

        def now(self) -> datetime:
            shown, self.shown = self.shown, self.shown + timedelta(hours=2)
            return shown

    monkeypatch.setattr(clocks, "LONGEST_NAP", 0.001)
    begun = idle_seconds()
    await Wall().sleep_until(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    assert idle_seconds() - begun < 1


async def test_an_instant_that_has_passed_is_not_waited_for() -> None:
    await SystemClock().sleep_until(datetime(2000, 1, 1, tzinfo=UTC))
    assert SystemClock().now().tzinfo is UTC
