"""Schedules users by due time in one heap, instead of a task for each."""

import asyncio
import heapq
import itertools
from datetime import datetime

from engine.core.clock import Clock

_STALE_ENTRIES = 100
"""Stale entries that may stay in the heap, in addition to as many as there are keys."""


class Schedule:
    """Instants by key, each key at most once; setting a key again moves it. The number of keys bounds its size."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[datetime, int]] = {}
        self._heap: list[tuple[datetime, int, str]] = []
        self._order = itertools.count()

    @property
    def size(self) -> int:
        """Number of entries in the heap, stale ones included."""
        return len(self._heap)

    def set(self, key: str, instant: datetime) -> None:
        """Make `key` due at `instant`, replacing its previous due time."""
        number = next(self._order)
        self._entries[key] = (instant, number)
        heapq.heappush(self._heap, (instant, number, key))
        if self.size > 2 * len(self._entries) + _STALE_ENTRIES:
            self._heap = [(*entry, key) for key, entry in self._entries.items()]
            heapq.heapify(self._heap)

    def bring_forward(self, key: str, instant: datetime) -> None:
        """Make `key` due at `instant` unless it is due before, so that repeated calls never delay it."""
        if key not in self._entries or self._entries[key][0] > instant:
            self.set(key, instant)

    def discard(self, key: str) -> None:
        """Remove `key` from the schedule."""
        self._entries.pop(key, None)

    def instant(self, key: str) -> datetime | None:
        """Return when `key` is due, None if it is not scheduled."""
        return self._entries[key][0] if key in self._entries else None

    def earliest(self) -> datetime | None:
        """Return the instant at which the next key is due, None if there is none."""
        while self._heap and self._entries.get(self._heap[0][2]) != self._heap[0][:2]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime) -> str | None:
        """Remove and return the key that has been due longest at `now`, None if none is due."""
        earliest = self.earliest()
        if earliest is None or earliest > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._entries[key]
        return key

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)


class WakeableTimer:
    """A timer for one task, which can be woken before the time is up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """End the present wait, or the next one if nothing is waiting now."""
        self._woken.set()

    async def wait(self, until: datetime | None) -> None:
        """Return at `until` (None: never by itself) or as soon as `wake` is called."""
        if until is None:
            await self._woken.wait()
        else:
            async with asyncio.TaskGroup() as group:
                timer = group.create_task(self._wake_at(until))
                await self._woken.wait()
                timer.cancel()
        self._woken.clear()

    async def _wake_at(self, instant: datetime) -> None:
        await self._clock.sleep_until(instant)
        self._woken.set()
