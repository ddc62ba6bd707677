"""How long a server takes to answer, and whether that is slow. No I/O."""

from collections import deque
from statistics import median

KEPT = 60
KEPT_SECONDS = 900.0
"""The median is of at most this many answers within the last quarter of an hour."""

LEAST = 5
SLOW_SECONDS, FINE_SECONDS = 5.0, 2.5
"""Slow from a median of `SLOW_SECONDS` until below `FINE_SECONDS`; a healthy server takes a fraction of a second."""


class AnswerTimes:
    """Statistics of answer times; a request without an answer counts with the time that it was waited for."""

    def __init__(self) -> None:
        self._times: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._median: float | None = None
        self._is_slow = False

    def add(self, seconds: float, at: float) -> None:
        """Add an answer that came at `at`, in seconds of any monotonic clock."""
        self._times.append((at, seconds))
        self._median = None

    def slow_median(self, now: float) -> float | None:
        """Return the median while it is slow, None otherwise or if there were too few requests."""
        while self._times and now - self._times[0][0] > KEPT_SECONDS:
            self._times.popleft()
            self._median = None
        if len(self._times) < LEAST:
            self._is_slow = False
            return None
        if self._median is None:  # one answer of Graph is asked about for each mailbox in it
            self._median = median(seconds for _, seconds in self._times)
        self._is_slow = self._median >= (FINE_SECONDS if self._is_slow else SLOW_SECONDS)
        return self._median if self._is_slow else None
