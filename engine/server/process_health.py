"""Health of the process: lag of the event loop, and open file descriptors."""

import asyncio
import os
import resource
from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NoReturn

from engine.server.errors import LoopHeld, OpenFilesScarce

EVERY = 0.05
"""Seconds between two measurements. A blockage is underestimated by at most this much."""

SPAN = 10.0
SPANS = 6
"""Number and length in seconds of the spans whose longest lags are kept: the last minute."""

TOO_LONG = 0.5
"""Seconds. If every span of the last minute had a longer lag, a failure is reported."""

BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds of the histogram in seconds; the bucket beyond the last is unbounded."""


class LoopLag:
    """Records the lag of the event loop in seconds; times are those of the loop, not of the calendar."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self._counts = [0] * (len(BOUNDS) + 1)
        self._spans: dict[int, float] = {}
        self._last = 0

    async def run(self) -> NoReturn:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY
            await asyncio.sleep(EVERY)
            now = loop.time()
            self.note(now, max(0.0, now - due))

    def note(self, now: float, lag: float) -> None:
        """Record that a callback due `lag` seconds ago ran at `now`."""
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
        """Return the number of lags up to each bound, the last of which is infinite."""
        return tuple(zip((*BOUNDS, float("inf")), accumulate(self._counts), strict=True))

    @property
    def trouble(self) -> LoopHeld | None:
        """The failure if every complete span of the last minute was too late."""
        over = [longest for span, longest in self._spans.items() if span < self._last]
        if len(over) < SPANS or min(over) <= TOO_LONG:
            return None
        return LoopHeld(f"the event loop was up to {self.longest:.1f} s late in the last minute")


SCARCE = 0.8
"""Fraction of the limit from which a failure is reported."""

LOOK = timedelta(seconds=10)
"""Time between two counts; the status is requested more often than that."""


class Descriptors:
    """File descriptors in use and their limit, as of the last count."""

    def __init__(self) -> None:
        self.used = 0
        self.limit = 0
        self._seen: datetime | None = None

    def look(self, now: datetime) -> None:
        """Count again, unless that was just done."""
        if self._seen is None or abs(now - self._seen) >= LOOK:
            self._seen, self.used, self.limit = now, open_files(), open_files_limit()

    @property
    def trouble(self) -> OpenFilesScarce | None:
        """The failure if most are in use."""
        return OpenFilesScarce(f"{self.used} of {self.limit} are in use") if self.used >= SCARCE * self.limit else None


def open_files() -> int:
    """Return the number of open file descriptors, one of which is used for counting."""
    try:
        return len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        return 0  # no /proc, or no descriptor left to read it with


def open_files_limit() -> int:
    """Return the limit of open file descriptors."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
