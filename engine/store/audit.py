"""Persistent audit log: the last changes of each kind."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.store.database import Database
from engine.store.settings_history import Author

KEPT = 300
"""Entries kept per action, so that frequent actions do not displace rare ones."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change at calendar time `at`: the name of the request, and its subject. `node` is the engine that it was made
    at, empty if that works alone."""

    at: datetime
    author: Author
    action: str
    subject: str
    node: str = ""


class AuditStore(Protocol):
    """Keeps the audit log of an engine, or of several."""

    @property
    def is_shared(self) -> bool:
        """Whether other engines add to it."""
        ...

    async def load(self) -> tuple[AuditRecord, ...]:
        """Return all entries, the oldest first."""
        ...

    async def add(self, records: Sequence[AuditRecord]) -> None:
        """Save records durably; of each action the last `KEPT` stay."""
        ...


class AuditTrail:
    """The table `audit` of an engine that works alone."""

    is_shared = False

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> tuple[AuditRecord, ...]:
        """Return all entries, the oldest first."""
        return await self._database.run(all_records)

    async def add(self, records: Sequence[AuditRecord]) -> None:
        """Save records durably; the oldest ones of the same actions are deleted."""

        def insert(connection: sqlite3.Connection) -> None:
            add_records(connection, records)
            for action in {each.action for each in records}:
                connection.execute(_PRUNE, (action, action, KEPT))

        await self._database.run(insert, durably=True)


def all_records(connection: sqlite3.Connection) -> tuple[AuditRecord, ...]:
    """Return all entries, the oldest first."""
    return tuple(
        AuditRecord(datetime.fromisoformat(at), Author(uid, pid, user), action, subject)
        for at, uid, pid, user, action, subject in connection.execute(_SELECT)
    )


def add_records(connection: sqlite3.Connection, records: Sequence[AuditRecord]) -> None:
    """Add entries after those that are there."""
    rows = [
        (each.at.isoformat(), each.author.uid, each.author.pid, each.author.user, each.action, each.subject)
        for each in records
    ]
    connection.executemany(_INSERT, rows)


_SELECT = "SELECT at, uid, pid, user, action, subject FROM audit ORDER BY id"
_INSERT = "INSERT INTO audit (at, uid, pid, user, action, subject) VALUES (?, ?, ?, ?, ?, ?)"
_PRUNE = """
    DELETE FROM audit WHERE action = ? AND id <= (
        SELECT id FROM audit WHERE action = ? ORDER BY id DESC LIMIT 1 OFFSET ?
    )
"""
