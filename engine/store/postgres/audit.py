"""The audit log of several engines."""

from collections.abc import Sequence

from engine.store.audit import KEPT, AuditRecord
from engine.store.postgres.database import Connection, SharedDatabase, storable
from engine.store.settings_history import Author


class SharedAudit:
    """The table `audit`, for the engine named `node`."""

    is_shared = True

    def __init__(self, database: SharedDatabase, node: str) -> None:
        self._database = database
        self._node = node

    async def load(self) -> tuple[AuditRecord, ...]:
        """Return the entries of all engines, the oldest first."""
        return await self._database.run(all_records)

    async def add(self, records: Sequence[AuditRecord]) -> None:
        """Save records; the oldest ones of the same actions are deleted."""
        await self._database.run(lambda connection: add_records(connection, self._node, records))


async def add_records(connection: Connection, node: str, records: Sequence[AuditRecord]) -> None:
    """Save records of a node, in the transaction that does what they tell of."""
    rows = [
        (
            each.at,
            each.node or node,
            each.author.uid,
            each.author.pid,
            storable(each.author.user),
            storable(each.action),
            storable(each.subject),
        )
        for each in records
    ]
    await connection.cursor().executemany(_INSERT, rows)
    for action in sorted({row[5] for row in rows}):
        await connection.execute(_PRUNE, {"action": action, "kept": KEPT})


async def all_records(connection: Connection) -> tuple[AuditRecord, ...]:
    """Return all entries, the oldest first."""
    rows = await (await connection.execute(_SELECT)).fetchall()
    return tuple(
        AuditRecord(at, Author(uid, pid, user), action, subject, node)
        for at, uid, pid, user, action, subject, node in rows
    )


_SELECT = """SELECT at, uid, pid, "user", action, subject, node FROM audit ORDER BY id"""
_INSERT = """INSERT INTO audit (at, node, uid, pid, "user", action, subject) VALUES (%s, %s, %s, %s, %s, %s, %s)"""
_PRUNE = """
    DELETE FROM audit WHERE action = %(action)s AND id <= (
        SELECT id FROM audit WHERE action = %(action)s ORDER BY id DESC LIMIT 1 OFFSET %(kept)s
    )
"""
