"""What is not tried again for a while, and why. No I/O."""

from collections.abc import Hashable
from datetime import datetime, timedelta
from random import Random

from engine.core.clock import Clock


class Bars:
    """Keys that are barred for about `pause`, each with a reason in words."""

    def __init__(self, pause: timedelta, clock: Clock, random: Random) -> None:
        self._pause = pause
        self._clock = clock
        self._random = random
        self._barred: dict[Hashable, tuple[datetime, str]] = {}

    def put(self, key: Hashable, reason: str) -> None:
        """Bar `key` from now on."""
        self._barred[key] = (self._clock.now() + self._pause * self._random.uniform(0.75, 1.25), reason)

    def lift(self, key: Hashable) -> None:
        """Bar `key` no longer."""
        self._barred.pop(key, None)

    def reason(self, key: Hashable) -> str:
        """Return why `key` is barred, "" if it is not."""
        until, reason = self._barred.get(key, (None, ""))
        if until is not None and self._clock.now() >= until:
            self.lift(key)
            return ""
        return reason
