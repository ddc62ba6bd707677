"""How long to wait before the next try: longer each time, and never the same for all."""

from datetime import timedelta
from random import Random


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
