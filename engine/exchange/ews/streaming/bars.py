"""What is not tried again for a while, and why: longer each time, until it worked. No I/O."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from engine.core.backoff import Backoff
from engine.core.clock import Clock

LONGEST = 8
"""How many times the first pause a later one lasts at most."""


@dataclass(slots=True)
class _Bar:
    backoff: Backoff
    until: datetime
    reason: str


class Bars:
    """Keys that are barred, each with a reason in words: for `pause`, and twice as long each time it happens again."""

    def __init__(self, pause: timedelta, clock: Clock, random: Random) -> None:
        self._pause = pause.total_seconds()
        self._clock = clock
        self._random = random
        self._bars: dict[Hashable, _Bar] = {}

    def put(self, key: Hashable, reason: str) -> None:
        """Bar `key` from now on."""
        known = self._bars.get(key)
        backoff = known.backoff if known else Backoff(self._pause, LONGEST * self._pause, self._random)
        self._bars[key] = _Bar(backoff, self._clock.now() + backoff.next(), reason)

    def lift(self, key: Hashable) -> None:
        """Bar `key` no longer, and next time for as long as if it never had been."""
        self._bars.pop(key, None)

    def reason(self, key: Hashable) -> str:
        """Return why `key` is barred, "" if it is not."""
        bar = self._bars.get(key)
        return bar.reason if bar is not None and self._clock.now() < bar.until else ""
