"""Who changed what: one line in the log for every change, and the last ones for whoever asks, over restarts."""

import logging
from collections import deque

from engine.api.events import Events
from engine.api.schema import Actor, AuditEntry, AuditEvent
from engine.store.audit_trail import KEPT, AuditRecord, AuditTrail
from engine.store.failures import StoreFailure
from engine.store.settings_history import Author

logger = logging.getLogger(__name__)


class Audit:
    """The changes made through the API, in the log, in the events, in memory, and in `trail` if there is one."""

    def __init__(self, events: Events, trail: AuditTrail | None) -> None:
        self._events = events
        self._trail = trail
        self._entries: deque[AuditEntry] = deque(maxlen=KEPT)
        self._unsaved: list[AuditRecord] = []
        self._is_due = False

    async def load(self) -> None:
        """Remember what was changed in earlier runs. Comes before everything else."""
        if self._trail is not None:
            self._entries.extend(map(_entry, await self._trail.load()))

    def add(self, entry: AuditEntry) -> None:
        """Write down a change that is being made."""
        actor = entry.actor
        name = actor.user or "no name"
        logger.info("audit: %s by %s (uid %d, pid %d): %s", entry.action, name, actor.uid, actor.pid, entry.subject)
        self._entries.append(entry)
        author = Author(actor.uid, actor.pid, actor.user)
        if self._trail is not None:
            self._unsaved.append(AuditRecord(entry.at, author, entry.action, entry.subject))
            self._is_due = True
        self._events.append("audit", lambda number: AuditEvent(number=number, entry=entry))

    async def save(self) -> None:
        """Keep what was written down since the last time; what the disk does not take waits for the next change."""
        if self._trail is None or not self._is_due:
            return
        self._is_due = False
        records, self._unsaved = self._unsaved, []
        try:
            await self._trail.add(records)
        except StoreFailure as failure:
            self._unsaved = [*records, *self._unsaved][-KEPT:]
            logger.warning("the audit log cannot be kept: %s. %s", failure, failure.remedy)

    def entries(self) -> tuple[AuditEntry, ...]:
        """Return the last changes, the newest first."""
        return tuple(reversed(self._entries))


def _entry(record: AuditRecord) -> AuditEntry:
    author = record.author
    actor = Actor(uid=author.uid, pid=author.pid, user=author.user)
    return AuditEntry(at=record.at, actor=actor, action=record.action, subject=record.subject)
