"""How long to wait before the next try: longer each time, and never the same for all."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random

LOOKS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""Pauses after what only a person can mend, or what passes by itself within the hour: soon at first, then seldom."""


class Backoff:
    """Doubles from `first` to `longest` seconds; the jitter takes up to a quarter off, so that nobody waits in step."""

    def __init__(self, first: float, longest: float, random: Random) -> None:
        self._first = first
        self._longest = longest
        self._random = random
        self._next = first

    def next(self) -> timedelta:
        """Return the next pause."""
        pause = self._next
        self._next = min(pause * 2, self._longest)
        return timedelta(seconds=pause * self._random.uniform(0.75, 1.0))

    def reset(self) -> None:
        """Begin again with the first pause."""
        self._next = self._first


class Looks:
    """Goes through the pauses of `LOOKS` and stays at the last; the jitter takes up to a quarter off."""

    def __init__(self, random: Random, pauses: Sequence[timedelta] = LOOKS) -> None:
        self._pauses = pauses
        self._random = random
        self._taken = 0

    def next(self) -> timedelta:
        """Return the next pause."""
        pause = self._pauses[min(self._taken, len(self._pauses) - 1)]
        self._taken += 1
        return pause * self._random.uniform(0.75, 1.0)

    def reset(self) -> None:
        """Begin again with the first pause."""
        self._taken = 0
