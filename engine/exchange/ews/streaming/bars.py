"""What is not tried again for a while, and why: longer each time, until it worked. No I/O."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from engine.core.backoff import Backoffs, Pauses
from engine.core.clock import Clock


@dataclass(frozen=True, slots=True)
class _Bar:
    until: datetime
    reason: str


class Bars:
    """Keys that are barred, each with a reason in words, for longer each time it happens again."""

    def __init__(self, pauses: Pauses, clock: Clock, random: Random) -> None:
        self._pauses = pauses
        self._clock = clock
        self._backoffs = Backoffs(random)
        self._bars: dict[Hashable, _Bar] = {}

    def put(self, key: Hashable, reason: str) -> None:
        """Bar `key` from now on."""
        self._bars[key] = _Bar(self._clock.now() + self._backoffs.next(key, self._pauses), reason)

    def lift(self, key: Hashable) -> None:
        """Bar `key` no longer, and next time for as long as if it never had been."""
        self._bars.pop(key, None)
        self._backoffs.reset(key)

    def reason(self, key: Hashable) -> str:
        """Return why `key` is barred, "" if it is not."""
        bar = self._bars.get(key)
        return bar.reason if bar is not None and self._clock.now() < bar.until else ""
