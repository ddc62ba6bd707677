"""How long Exchange takes to answer: the median of late, and whether that is slow. No I/O."""

from collections import deque
from statistics import median

KEPT = 60
KEPT_SECONDS = 900.0
"""The median is of so many answers of the last quarter of an hour."""

LEAST = 5
SLOW_SECONDS, FINE_SECONDS = 5.0, 2.5
"""Slow from a median of the one on, until it is below the other: a healthy server takes a fraction of a second."""


class AnswerTimes:
    """Takes how long each answer took; a request that ended without one counts for as long as it was waited for."""

    def __init__(self) -> None:
        self._times: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._is_slow = False

    def add(self, seconds: float, at: float) -> None:
        """Take in an answer that came at `at`, in seconds of any clock that runs evenly."""
        self._times.append((at, seconds))

    def slow_median(self, now: float) -> float | None:
        """Return the median while that is slow, None otherwise; where hardly anything was asked nothing is said."""
        while self._times and now - self._times[0][0] > KEPT_SECONDS:
            self._times.popleft()
        if len(self._times) < LEAST:
            self._is_slow = False
            return None
        found = median(seconds for _, seconds in self._times)
        self._is_slow = found >= (FINE_SECONDS if self._is_slow else SLOW_SECONDS)
        return found if self._is_slow else None
