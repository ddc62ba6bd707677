"""Clocks of a running engine: calendar time, network time, a fast one for the demo; and noticing one set back."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from engine.core.clock import Clock

LONGEST_NAP = 30.0
"""Seconds after which a sleeper rereads the wall clock: it may have been set, or the machine may have slept."""


class SystemClock:
    """The wall clock, with which appointments are compared."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime) -> None:
        """Return when the wall clock reaches `instant`, even if it is set in between."""
        while True:
            left = (instant - self.now()).total_seconds()
            if left <= 0:
                return
            await asyncio.sleep(min(left, LONGEST_NAP))


class SteadyClock:
    """A monotonic clock that starts with the time of the wall clock; with `speed` 60, every second counts as a
    minute."""

    def __init__(self, start: datetime | None = None, speed: float = 1.0) -> None:
        self._start = start or datetime.now(UTC)
        self._begun = time.monotonic()
        self._speed = speed

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return self._start + timedelta(seconds=(time.monotonic() - self._begun) * self._speed)

    async def sleep_until(self, instant: datetime) -> None:
        """Return when this clock reaches `instant`."""
        while True:
            left = (instant - self.now()).total_seconds()
            if left <= 0:
                return
            await asyncio.sleep(left / self._speed)


LOOK = timedelta(seconds=30)
"""How often to check, by the network clock; a clock set back by less delays deadlines by no more than that."""

LITTLE = timedelta(seconds=1)
"""Corrections of the time that make no difference."""


class WatchedClock:
    """Implements `Clock` by another one, and remembers the `latest` instant that it has told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.latest = clock.now()

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        now = self._clock.now()
        if now > self.latest:
            self.latest = now
        return now

    async def sleep_until(self, instant: datetime) -> None:
        """Return when the clock reaches `instant`."""
        await self._clock.sleep_until(instant)


class ClockStepDetector:
    """Detects the calendar `clock` showing less than it has told before, and calls `happened`: what was decided and
    scheduled then is of a time that has not come. That it was put ahead and back in between makes no difference."""

    def __init__(self, clock: WatchedClock, network_clock: Clock, happened: Callable[[], None]) -> None:
        self._clock = clock
        self._network_clock = network_clock
        self._happened = happened

    async def run(self) -> None:
        """Check the clock until cancelled."""
        while True:
            await self._network_clock.sleep_until(self._network_clock.now() + LOOK)
            now = self._clock.now()
            if now < self._clock.latest - LITTLE:
                self._clock.latest = now
                self._happened()
