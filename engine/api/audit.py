"""Who changed what: one line in the log for every change, and the last ones for whoever asks, over restarts."""

import asyncio
import itertools
import logging
from collections import deque

from engine.api.events import Events
from engine.api.schema import Actor, AuditEntry, AuditEvent
from engine.core.failures import Failure
from engine.store.audit_trail import KEPT, AuditRecord, AuditTrail
from engine.store.failures import AuditNotKept, StoreFailure
from engine.store.settings_history import Author

logger = logging.getLogger(__name__)

UNSAVED = 1000
"""So many entries wait for a disk that does not take them; more than that are lost, the oldest first."""


class Audit:
    """The changes made through the API, in the log, in the events, in memory, and in `trail` if there is one.

    Of each action the last ones are kept, so that no kind of change makes another one be forgotten.
    """

    def __init__(self, events: Events, trail: AuditTrail | None) -> None:
        self._events = events
        self._trail = trail
        self._entries: dict[str, deque[tuple[int, AuditEntry]]] = {}
        self._order = itertools.count()
        self._unsaved: list[AuditRecord] = []
        self._is_due = False
        self._saving = asyncio.Lock()
        self.trouble: Failure | None = None

    async def load(self) -> None:
        """Remember what was changed in earlier runs. Comes before everything else."""
        if self._trail is None:
            return
        try:
            for record in await self._trail.load():
                self._remember(_entry(record))
        except StoreFailure as failure:
            self._complain(failure)

    def add(self, entry: AuditEntry) -> None:
        """Write down a change that is being made; `save` keeps it."""
        actor = entry.actor
        name = actor.user or "no name"
        logger.info("audit: %s by %s (uid %d, pid %d): %s", entry.action, name, actor.uid, actor.pid, entry.subject)
        self._remember(entry)
        author = Author(actor.uid, actor.pid, actor.user)
        if self._trail is not None:
            self._unsaved.append(AuditRecord(entry.at, author, entry.action, entry.subject))
            self._is_due = True
        self._events.append("audit", lambda number: AuditEvent(number=number, entry=entry))

    async def save(self, *, again: bool = False) -> None:
        """Return when everything written down is on the disk.

        What the disk does not take waits for the next change, or for a call that is to try `again`; that is said by
        `trouble`.
        """
        async with self._saving:
            if self._trail is None or not (self._is_due or (again and self._unsaved)):
                return
            self._is_due = False
            records, self._unsaved = self._unsaved, []
            try:
                await self._trail.add(records)
            except StoreFailure as failure:
                self._unsaved = [*records, *self._unsaved][-UNSAVED:]
                self._complain(failure)
            except Exception:
                self._unsaved = [*records, *self._unsaved][-UNSAVED:]
                raise
            else:
                self.trouble = None

    def entries(self) -> tuple[AuditEntry, ...]:
        """Return the last changes, the newest first."""
        numbered = itertools.chain.from_iterable(self._entries.values())
        return tuple(entry for _, entry in sorted(numbered, key=lambda each: each[0], reverse=True))

    def _remember(self, entry: AuditEntry) -> None:
        self._entries.setdefault(entry.action, deque(maxlen=KEPT)).append((next(self._order), entry))

    def _complain(self, failure: StoreFailure) -> None:
        if self.trouble is None:
            logger.warning("the audit log cannot be kept: %s. %s", failure, failure.remedy)
        self.trouble = AuditNotKept(str(failure))


def _entry(record: AuditRecord) -> AuditEntry:
    author = record.author
    actor = Actor(uid=author.uid, pid=author.pid, user=author.user)
    return AuditEntry(at=record.at, actor=actor, action=record.action, subject=record.subject)
