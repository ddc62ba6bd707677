"""How long to wait before the next try: longer each time, and never the same for all."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta
from random import Random

JITTER = 0.25
"""Up to this part of a pause is taken off it, so that nobody waits in step with others."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses after the first failure in a row, the second and so on; the last one stays."""

    steps: tuple[timedelta, ...]

    def after(self, failures: int, random: Random) -> timedelta:
        """Return the pause after the last of so many failures in a row, less the jitter."""
        return self.steps[min(failures, len(self.steps)) - 1] * random.uniform(1 - JITTER, 1.0)

    def are_through(self, failures: int) -> bool:
        """Tell whether all shorter pauses were taken after so many failures in a row."""
        return failures >= len(self.steps)


def doubling(first: timedelta, longest: timedelta) -> Pauses:
    """Return pauses that double from the first to the longest."""
    steps = [first]
    while steps[-1] < longest:
        steps.append(min(2 * steps[-1], longest))
    return Pauses(tuple(steps))


def asked_for(pause: timedelta, random: Random) -> timedelta:
    """Return a pause that a server asked for: the jitter is added, for none may come before that."""
    return pause * random.uniform(1.0, 1 + JITTER)


class Backoff:
    """Counts the failures in a row of one thing. Those that call for other pauses begin a row of their own."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pauses: Pauses | None = None
        self._failures = 0

    def next(self, pauses: Pauses) -> timedelta:
        """Return the pause after one more failure that calls for `pauses`."""
        if pauses != self._pauses:
            self._pauses, self._failures = pauses, 0
        self._failures += 1
        return pauses.after(self._failures, self._random)

    def reset(self) -> None:
        """It went well: begin again with the first pause."""
        self._failures = 0


class Backoffs:
    """Counts the failures in a row of many things, each by its key."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures: Counter[Hashable] = Counter()

    def next(self, key: Hashable, pauses: Pauses) -> timedelta:
        """Return the pause after one more failure of this thing."""
        self._failures[key] += 1
        return pauses.after(self._failures[key], self._random)

    def failures(self, key: Hashable) -> int:
        """Return how many failures in a row this thing has had."""
        return self._failures[key]

    def reset(self, key: Hashable) -> None:
        """This thing went well: begin again with the first pause."""
        self._failures.pop(key, None)

    def clear(self) -> None:
        """Begin again with everything."""
        self._failures.clear()
