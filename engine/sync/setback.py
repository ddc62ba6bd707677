"""Notices that somebody set the wall clock back: whatever was due at an instant would come that much too late."""

from collections.abc import Callable
from datetime import timedelta

from engine.core.clock import Clock

LOOK = timedelta(seconds=30)
"""How often to look, by the network clock; to be set back by less than that is no worse than to be late by it."""


class Setback:
    """Calls `happened` when the calendar `clock` shows less than it did before."""

    def __init__(self, clock: Clock, network_clock: Clock, happened: Callable[[], None]) -> None:
        self._clock = clock
        self._network_clock = network_clock
        self._happened = happened

    async def run(self) -> None:
        """Look for ever."""
        while True:
            before = self._clock.now()
            await self._network_clock.sleep_until(self._network_clock.now() + LOOK)
            if self._clock.now() < before:
                self._happened()
