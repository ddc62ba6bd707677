"""Clocks of a running engine: calendar time, network time, and a fast one for the demo."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

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
