"""Detects a PBX that no longer responds, from what it sends and what it leaves unanswered. No I/O."""

from datetime import datetime, timedelta
from enum import Enum, auto

from engine.core.clock import Clock

PING_AFTER = timedelta(seconds=30)
"""A ping is sent after this time without anything from the peer, and then at the same interval."""

PONG_WITHIN = timedelta(seconds=15)

SILENT_FOR = timedelta(seconds=30)
UNANSWERED = 2
"""This many unanswered requests, and nothing else for `SILENT_FOR`, are more than a pause of the peer."""


class Act(Enum):
    """The action that is due."""

    PING = auto()
    GIVE_UP = auto()


class Liveness:
    """Liveness of the peer of one connection.

    Whether a PBX answers pings is not documented, and proxies swallow them: a missing pong counts only if one came
    before over the same connection. Otherwise silence counts only together with unanswered requests.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard = clock.now()
        self._pinged: datetime | None = None
        self._answers_pings = False
        self._unanswered = 0

    def heard(self, *, pong: bool = False) -> None:
        """Note that something came from the peer; `pong`: it answered a ping."""
        self._heard = self._clock.now()
        self._pinged = None
        self._unanswered = 0
        self._answers_pings = self._answers_pings or pong

    def unanswered(self) -> None:
        """Note that a request was not answered in time."""
        self._unanswered += 1

    def next_look(self) -> datetime:
        """Return when to call `look` next; an unanswered request in the meantime makes it sooner."""
        if self._pinged is not None:
            return self._pinged + (PONG_WITHIN if self._answers_pings else PING_AFTER)
        return self._heard + PING_AFTER

    def look(self) -> Act | None:
        """Return the action that is due now, if any."""
        now = self._clock.now()
        if self._unanswered >= UNANSWERED and now >= self._heard + SILENT_FOR:
            return Act.GIVE_UP
        if now < self.next_look():
            return None
        if self._pinged is not None and self._answers_pings:
            return Act.GIVE_UP
        self._pinged = now
        return Act.PING
