"""Several events follow every change of a calendar: they are told once, a moment after the first."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from engine.core.clock import Clock

PAUSE = timedelta(seconds=1)
"""Between the first event and the reading that it causes; whatever comes in between is covered by it."""


class Debounce:
    """Tells each address `PAUSE` after it was noted, once however often it was noted until then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, datetime] = {}
        self._noted = asyncio.Event()

    def note(self, address: str) -> None:
        """Have `address` told in a moment."""
        self._due.setdefault(address, self._clock.now() + PAUSE)
        self._noted.set()

    async def run(self, tell: Callable[[str], None]) -> None:
        """Tell for ever."""
        while True:
            while self._due:
                # All pauses are equal, so the first one noted is due first.
                address, due = next(iter(self._due.items()))
                await self._clock.sleep_until(due)
                del self._due[address]
                tell(address)
            self._noted.clear()
            await self._noted.wait()
