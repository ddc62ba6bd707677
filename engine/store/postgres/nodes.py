"""Which engines a cluster has, whether anything was changed at them, and how one of them is forgotten."""

from dataclasses import dataclass

from engine.store.postgres.database import Connection, tell


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


_TERMS = "SELECT term::text, node, beat, ended IS NOT NULL FROM term ORDER BY node, began"
_MARKS = """
    SELECT settings, secrets, (SELECT COALESCE(max(version), 0) FROM setup), (SELECT COALESCE(max(id), 0) FROM audit)
    FROM cluster
"""
_FREE = "UPDATE shard SET term = NULL, since = clock() WHERE term IN (SELECT term FROM term WHERE node = %s)"
