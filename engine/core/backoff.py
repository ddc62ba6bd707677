"""Back-off: pauses between retries that grow and carry jitter."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta
from random import Random

JITTER = 0.25
"""Maximum fraction by which a pause is shortened at random, so that retries do not coincide."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses after the first consecutive failure, the second and so on; the last one repeats."""

    steps: tuple[timedelta, ...]

    def after(self, failures: int, random: Random) -> timedelta:
        """Return the pause after that many consecutive failures, less the jitter."""
        return self.steps[min(failures, len(self.steps)) - 1] * random.uniform(1 - JITTER, 1.0)

    def are_through(self, failures: int) -> bool:
        """Return whether the longest pause is reached after that many consecutive failures."""
        return failures >= len(self.steps)


def doubling(first: timedelta, longest: timedelta) -> Pauses:
    """Return pauses that double from the first to the longest."""
    steps = [first]
    while steps[-1] < longest:
        steps.append(min(2 * steps[-1], longest))
    return Pauses(tuple(steps))


def asked_for(pause: timedelta, random: Random) -> timedelta:
    """Return a pause requested by a server, with jitter added: no retry may come earlier."""
    return pause * random.uniform(1.0, 1 + JITTER)


class Backoff:
    """Counts consecutive failures. A failure with different `pauses` starts a new count."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pauses: Pauses | None = None
        self._failures = 0

    def next(self, pauses: Pauses) -> timedelta:
        """Count one more failure and return its pause out of `pauses`."""
        if pauses != self._pauses:
            self._pauses, self._failures = pauses, 0
        self._failures += 1
        return pauses.after(self._failures, self._random)

    def reset(self) -> None:
        """Record success: the next failure gets the first pause."""
        self._failures = 0


class Backoffs:
    """Counts consecutive failures by key."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures: Counter[Hashable] = Counter()

    def next(self, key: Hashable, pauses: Pauses) -> timedelta:
        """Count one more failure of `key` and return its pause."""
        self._failures[key] += 1
        return pauses.after(self._failures[key], self._random)

    def failures(self, key: Hashable) -> int:
        """Return the number of consecutive failures of `key`."""
        return self._failures[key]

    def reset(self, key: Hashable) -> None:
        """Record success of `key`: its next failure gets the first pause."""
        self._failures.pop(key, None)

    def clear(self) -> None:
        """Reset all keys."""
        self._failures.clear()
