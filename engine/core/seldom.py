"""How often something is said that may happen again and again: at once, then every so often with a count."""

from collections.abc import Hashable
from datetime import datetime, timedelta

from engine.core.clock import Clock

PAUSE = timedelta(minutes=10)
MOST_KEYS = 32
"""So many different things are told apart at the same time; the others are counted together."""


class Seldom:
    """Counts what happens, and tells when to say so: no more than `MOST_KEYS` + 1 lines in `PAUSE`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[Hashable, tuple[datetime, int]] = {}

    def happened(self, key: Hashable) -> int:
        """Count one more of `key`; return how many were not said yet if they are to be said now, else 0."""
        now = self._clock.now()
        if key not in self._said and len(self._said) >= MOST_KEYS:
            self._said = {known: entry for known, entry in self._said.items() if now < entry[0] + PAUSE}
            if len(self._said) >= MOST_KEYS:
                key = None
        said, unsaid = self._said.get(key, (None, 0))
        if said is not None and now < said + PAUSE:
            self._said[key] = (said, unsaid + 1)
            return 0
        self._said[key] = (now, 0)
        return unsaid + 1

    def over(self, key: Hashable) -> None:
        """What `key` stands for is over: the next time is said at once."""
        self._said.pop(key, None)
