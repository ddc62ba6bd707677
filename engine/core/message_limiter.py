"""Rate limit for repeated messages: the first at once, later ones periodically with a count."""

from collections.abc import Hashable
from datetime import datetime, timedelta

from engine.core.clock import Clock

PAUSE = timedelta(minutes=10)
MOST_KEYS = 32
"""Maximum number of keys counted separately at a time; any others are counted together."""


class MessageLimiter:
    """Counts events and decides when to report them: at most `MOST_KEYS` + 1 lines per `PAUSE`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[Hashable, tuple[datetime, int]] = {}

    def __len__(self) -> int:
        """Return the number of keys that are remembered."""
        return len(self._said)

    def happened(self, key: Hashable) -> int:
        """Count one more `key`; return the number of unreported ones if they are due to be reported, else 0."""
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
        """Reset `key`, whose cause is over: its next event is reported at once."""
        self._said.pop(key, None)
