"""The memberships of engines in a cluster: which there are and were, and how those of one are forgotten."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.cluster.model import EndedTerm
from engine.store.postgres.database import Connection, SharedDatabase, tell

LATEST = 20


class Terms:
    """What people want to know of earlier members, and what engines ask each other. All methods raise a
    `SharedDatabaseFailure`."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database

    @property
    def place(self) -> str:
        """Host and database, for people."""
        return self._database.place

    async def ended(self) -> tuple[EndedTerm, ...]:
        """Return the terms that ended within the last day, the latest first."""

        async def ended(connection: Connection) -> tuple[EndedTerm, ...]:
            return tuple([EndedTerm(*row) async for row in await connection.execute(_ENDED, (LATEST,))])

        return await self._database.run(ended)

    async def tell(self, what: Iterable[str]) -> None:
        """Tell the other engines something that they need not hear."""

        async def tell_all(connection: Connection) -> None:
            for each in what:
                await tell(connection, each)

        await self._database.run(tell_all)


@dataclass(frozen=True, slots=True)
class KnownTerm:
    """A membership of the engine `node`, which has not left; `has_ended` with its stop."""

    term: str
    node: str
    beat: int
    has_ended: bool


async def known_terms(connection: Connection) -> tuple[int, tuple[KnownTerm, ...]]:
    """Return how many seconds an engine must be silent to be gone, and the memberships that are not forgotten yet."""
    [(lease_seconds,)] = await (await connection.execute("SELECT lease_seconds FROM cluster")).fetchall()
    rows = await (await connection.execute(_TERMS)).fetchall()
    return lease_seconds, tuple(KnownTerm(*row) for row in rows)


async def marks_of(connection: Connection) -> tuple[object, ...]:
    """Return what differs after any engine has changed settings, secrets or a set-up, or noted what somebody did."""
    [marks] = await (await connection.execute(_MARKS)).fetchall()
    return marks


async def forget_node(connection: Connection, node: str) -> None:
    """Delete all memberships of an engine that does not run, and leave its shards to whoever wants them."""
    await connection.execute(_FREE, (node,))
    await connection.execute("DELETE FROM term WHERE node = %s", (node,))
    await tell(connection, "shards")


_ENDED = """
    SELECT ended.node, ended.began, ended.ended, other.node, ended.ended_by IS NOT DISTINCT FROM ended.term
    FROM term ended LEFT JOIN term other ON other.term = ended.ended_by
    WHERE ended.ended > clock() - interval '1 day' ORDER BY ended.ended DESC LIMIT %s
"""
_TERMS = "SELECT term::text, node, beat, ended IS NOT NULL FROM term ORDER BY node, began"
_MARKS = """
    SELECT settings, secrets, (SELECT COALESCE(max(version), 0) FROM setup), (SELECT COALESCE(max(id), 0) FROM audit)
    FROM cluster
"""
_FREE = "UPDATE shard SET term = NULL, since = clock() WHERE term IN (SELECT term FROM term WHERE node = %s)"
