"""Time that passes only while the event loop waits: work takes none of it, so a busy machine changes nothing.

A test lives through minutes of pauses in seconds, and a campaign through days, over real sockets. What waits for the
clock waits `speed` times as short, and a deadline never passes because the processor was busy elsewhere: ten seconds
for an answer are half a second at twenty times the speed, which a busy machine soon takes for other things.
"""

import asyncio
import selectors
import time
from datetime import UTC, datetime, timedelta

SHORTEST_NAP = 0.0005
"""Seconds. A timer that is due within the loop's resolution does not wait, and no time would ever pass."""


class IdleSelector(selectors.DefaultSelector):
    """Adds up the seconds that the loop had nothing to do."""

    idle_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait like any selector; what the system takes longer than asked does not count."""
        begun = time.monotonic()
        ready = super().select(timeout)
        waited = time.monotonic() - begun
        self.idle_seconds += waited if timeout is None else min(waited, max(timeout, 0.0))
        return ready


class IdleLoop(asyncio.SelectorEventLoop):
    """An event loop that knows how long it was idle."""

    def __init__(self, selector: IdleSelector | None = None) -> None:
        self.idle = selector or IdleSelector()
        super().__init__(self.idle)


class IdleClock:
    """Implements `Clock` by the idle time of `loop`; `speed` may be changed at any time."""

    def __init__(self, loop: IdleLoop, start: datetime, speed: float) -> None:
        self._loop = loop
        self._base = start.astimezone(UTC)
        self._since = loop.idle.idle_seconds
        self._speed = speed

    @property
    def speed(self) -> float:
        """Seconds that pass in a second of idleness."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._base, self._since = self.now(), self._loop.idle.idle_seconds
        self._speed = speed

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return self._base + timedelta(seconds=(self._loop.idle.idle_seconds - self._since) * self._speed)

    async def sleep_until(self, instant: datetime) -> None:
        """Return when `instant` has come."""
        while True:
            left = (instant - self.now()).total_seconds()
            if left <= 0:
                return
            await asyncio.sleep(max(left / self._speed, SHORTEST_NAP))


def idle_seconds() -> float:
    """Return how long the running loop has waited for something to do, since it began.

    What holds up a stop or a sweep shows in it, on a busy machine as on an idle one.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, IdleLoop), "tests/conftest.py gives each test such a loop"
    return loop.idle.idle_seconds


def pauses_pass_quickly(speed: float = 20.0, start: datetime | None = None) -> IdleClock:
    """Return a clock for the pauses and time limits of what runs in this loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, IdleLoop), "tests/conftest.py gives each test such a loop"
    return IdleClock(loop, start or datetime.now(UTC), speed)


class WallClock:
    """A wall clock over another clock, which somebody may set: `ahead` is how far it is off."""

    LOOK = timedelta(seconds=30)
    """A sleeper looks again after that long, as the engine's own wall clock has it."""

    def __init__(self, steady: IdleClock) -> None:
        self._steady = steady
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Return what the wall clock shows, in UTC."""
        return self._steady.now() + self.ahead

    async def sleep_until(self, instant: datetime) -> None:
        """Return when the wall clock shows `instant`, even if it is set in between."""
        while (left := instant - self.now()) > timedelta():
            await self._steady.sleep_until(self._steady.now() + min(left, self.LOOK))
