"""Who changed what: one line in the log for every change, and the last ones for whoever asks."""

import logging
from collections import deque

from engine.api.events import Events
from engine.api.schema import AuditEntry, AuditEvent

logger = logging.getLogger(__name__)

KEPT = 1000


class Audit:
    """The changes made through the API, in the log, in the events, and the last ones in memory."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._entries: deque[AuditEntry] = deque(maxlen=KEPT)

    def add(self, entry: AuditEntry) -> None:
        """Write down a change that is being made."""
        actor = entry.actor
        name = actor.user or "no name"
        logger.info("audit: %s by %s (uid %d, pid %d): %s", entry.action, name, actor.uid, actor.pid, entry.subject)
        self._entries.append(entry)
        self._events.append("audit", lambda number: AuditEvent(number=number, entry=entry))

    def entries(self) -> tuple[AuditEntry, ...]:
        """Return the last changes, the newest first."""
        return tuple(reversed(self._entries))
