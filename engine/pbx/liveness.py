"""Is the PBX still there? Told from what comes and what does not; no I/O."""

from datetime import datetime, timedelta
from enum import Enum, auto

from engine.core.clock import Clock

PING_AFTER = timedelta(seconds=30)
"""After so long without a sign of the peer a ping is sent, and again after as long."""

PONG_WITHIN = timedelta(seconds=15)

SILENT_FOR = timedelta(seconds=30)
UNANSWERED = 2
"""So many requests without an answer, and nothing else for so long, are no pause of the peer's."""


class Act(Enum):
    """What is to be done."""

    PING = auto()
    GIVE_UP = auto()


class Liveness:
    """What is known of the peer of one connection.

    Whether a PBX answers pings is not documented, and proxies swallow them: a missing pong counts only where one came
    before over the same connection. Else silence counts only together with requests that were not answered.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard = clock.now()
        self._pinged: datetime | None = None
        self._answers_pings = False
        self._unanswered = 0

    def heard(self, *, pong: bool = False) -> None:
        """Something came from the peer; `pong`: it answered a ping."""
        self._heard = self._clock.now()
        self._pinged = None
        self._unanswered = 0
        self._answers_pings = self._answers_pings or pong

    def unanswered(self) -> None:
        """A request was not answered in time."""
        self._unanswered += 1

    def next_look(self) -> datetime:
        """Return when to look next; a request that goes unanswered meanwhile makes it sooner."""
        if self._pinged is not None:
            return self._pinged + (PONG_WITHIN if self._answers_pings else PING_AFTER)
        return self._heard + PING_AFTER

    def look(self) -> Act | None:
        """Return what is due now."""
        now = self._clock.now()
        if self._unanswered >= UNANSWERED and now >= self._heard + SILENT_FOR:
            return Act.GIVE_UP
        if now < self.next_look():
            return None
        if self._pinged is not None and self._answers_pings:
            return Act.GIVE_UP
        self._pinged = now
        return Act.PING
