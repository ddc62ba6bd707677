"""The health of the process: how late the event loop is, and how many file descriptors are open."""

import asyncio
import os
import resource
from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NoReturn

from engine.server.errors import LoopHeld, OpenFilesScarce

EVERY = 0.05
"""Seconds between two looks. What holds the loop is seen too short by so much at most."""

SPAN = 10.0
SPANS = 6
"""The longest lag of each of so many spans of so many seconds is kept: the last minute."""

TOO_LONG = 0.5
"""Seconds. Where every span of the last minute had a longer lag, it is said to be trouble."""

BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds of the histogram in seconds; beyond the last it has no bound."""


class LoopLag:
    """Remembers by how many seconds the loop was late; times are those of the loop, never of the calendar."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self._counts = [0] * (len(BOUNDS) + 1)
        self._spans: dict[int, float] = {}
        self._last = 0

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY
            await asyncio.sleep(EVERY)
            now = loop.time()
            self.note(now, max(0.0, now - due))

    def note(self, now: float, lag: float) -> None:
        """Take in that what was due `lag` seconds ago had its turn at `now`."""
        self.count += 1
        self.sum += lag
        self._counts[bisect_left(BOUNDS, lag)] += 1
        self._last = int(now // SPAN)
        oldest = self._last - SPANS
        for span in range(max(oldest, int((now - lag) // SPAN)), self._last + 1):
            self._spans[span] = max(lag, self._spans.get(span, 0.0))
        self._spans = {span: longest for span, longest in self._spans.items() if span >= oldest}

    @property
    def longest(self) -> float:
        """The longest lag of the last minute."""
        return max(self._spans.values(), default=0.0)

    def cumulated(self) -> tuple[tuple[float, int], ...]:
        """Return how many lags were no longer than each bound, the last of which is none."""
        return tuple(zip((*BOUNDS, float("inf")), accumulate(self._counts), strict=True))

    @property
    def trouble(self) -> LoopHeld | None:
        """What is the matter where every span of the last minute was too late; the one that has begun may tell yet."""
        over = [longest for span, longest in self._spans.items() if span < self._last]
        if len(over) < SPANS or min(over) <= TOO_LONG:
            return None
        return LoopHeld(f"what was due waited up to {self.longest:.1f} s in the last minute")


SCARCE = 0.8
"""From this part of the limit on it is said to be trouble."""

LOOK = timedelta(seconds=10)
"""Between two looks for the status, which is asked for more often than that."""


class Descriptors:
    """What was seen at the last look."""

    def __init__(self) -> None:
        self.used = 0
        self.limit = 0
        self._seen: datetime | None = None

    def look(self, now: datetime) -> None:
        """Look again, unless that was just now."""
        if self._seen is None or abs(now - self._seen) >= LOOK:
            self._seen, self.used, self.limit = now, open_files(), open_files_limit()

    @property
    def trouble(self) -> OpenFilesScarce | None:
        """What is the matter where most are in use."""
        return OpenFilesScarce(f"{self.used} of {self.limit} are in use") if self.used >= SCARCE * self.limit else None


def open_files() -> int:
    """Return how many there are; the look itself takes one of them."""
    try:
        return len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        return 0  # no /proc here, or nothing left to look with


def open_files_limit() -> int:
    """Return how many there may be."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
