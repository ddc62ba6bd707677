"""The clocks of a running engine: the calendar's, the network's, and one that runs fast for the demo."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

LONGEST_NAP = 30.0
"""Seconds after which a sleeper looks at the wall clock again: somebody may have set it, or the machine slept."""


class SystemClock:
    """The wall clock, which appointments are compared with."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime) -> None:
        """Return when the wall clock shows `instant`, even if it is set in between."""
        while True:
            left = (instant - self.now()).total_seconds()
            if left <= 0:
                return
            await asyncio.sleep(min(left, LONGEST_NAP))


class SteadyClock:
    """Runs evenly whatever happens to the wall clock, which it agrees with at the start; `speed` 60 makes a minute of
    every second."""

    def __init__(self, start: datetime | None = None, speed: float = 1.0) -> None:
        self._start = start or datetime.now(UTC)
        self._begun = time.monotonic()
        self._speed = speed

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return self._start + timedelta(seconds=(time.monotonic() - self._begun) * self._speed)

    async def sleep_until(self, instant: datetime) -> None:
        """Return when `instant` has come."""
        while True:
            left = (instant - self.now()).total_seconds()
            if left <= 0:
                return
            await asyncio.sleep(left / self._speed)
