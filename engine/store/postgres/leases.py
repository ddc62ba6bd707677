"""The statements of the lease protocol: look, beat, take, release and what belongs to them.

Each is one transaction of its own, whose conditions compare what the caller has seen. No condition asks the database's
clock.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import psycopg

from engine.cluster.model import ClusterState, Member, Report, ShardState, TermState
from engine.core.clock import Clock
from engine.store.errors import DatabaseAway, DatabaseNotPrepared
from engine.store.postgres.database import Connection, SharedDatabase
from engine.store.postgres.own_connection import OwnConnection

UNTIL_KNOWN = timedelta(seconds=2)
"""How long to wait for an answer before it is known how long a lease is."""


class Leases:
    """The lease protocol over a connection of its own, on which one request is made at a time.

    All methods raise a `SharedDatabaseFailure`: `DatabaseSlow` without an answer within a fifth of a lease. The request
    may still be executed then.
    """

    def __init__(self, database: SharedDatabase, clock: Clock) -> None:
        self._connection = OwnConnection(database, clock, UNTIL_KNOWN)

    async def look(self) -> ClusterState:
        """Return the cluster as it is now."""
        row = await self._row(_LOOK, {})
        if row is None:
            raise DatabaseNotPrepared("it holds no cluster")
        incarnation, found = row
        if incarnation is None:
            raise DatabaseAway("the server is a replica, which takes no changes")
        state = msgspec.json.decode(found, type=ClusterState)
        if not state.shards:
            raise DatabaseNotPrepared("no engine has joined it, or the last one has left")
        self._connection.within = timedelta(seconds=state.lease_seconds) / 5
        return state

    async def begin(self, me: str, member: Member, over: Sequence[TermState], incarnation: str) -> bool:
        """Begin the term `me`, and end those of the same node that are `over`, if they are as they were seen.

        Return whether it has begun: not while another term of that node is not over. It may be begun again.
        """
        parameters = msgspec.structs.asdict(member) | {"keys": list(member.keys)} | _silent(me, over, incarnation)

        async def begin(connection: Connection) -> bool:
            async with connection.transaction():
                await connection.execute(f"{_LIMITED} SET LOCAL idle_in_transaction_session_timeout = 5000")
                await connection.execute(_ONE_AT_A_TIME)
                await connection.execute(_END_SILENT, parameters)
                begun = await connection.execute(_BEGIN, parameters)
                await connection.execute(_TIDY_UP)
            return begun.rowcount == 1

        return await self._connection.do(begin)

    async def end_silent(self, me: str, over: Sequence[TermState], incarnation: str) -> None:
        """End the terms that are `over`, if they are as they were seen."""
        await self._row(_END_SILENT, _silent(me, over, incarnation))

    async def beat(self, me: str, report: Report) -> Mapping[int, int] | None:
        """Tell that this term goes on. Return its shards with their tokens, None if it is over."""
        row = await self._row(
            _BEAT,
            {
                "me": me,
                "able": report.able,
                "settings": report.settings,
                "figures": msgspec.json.encode(report.figures).decode(),
            },
        )
        return None if row is None else {int(shard): int(token) for shard, token in row[0]}

    async def take(self, me: str, incarnation: str, seen: ShardState, above: int) -> int | None:
        """Take a shard, if it is as it was seen. Return the new token, None if it is not, or an intent is being stored.

        The new token is above the last one and `above`, which the database may have forgotten in a fail-over.

        Nothing is waited for, because a take that waits would hold up this term's beats.
        """
        row = await self._row(
            _TAKE,
            {
                "me": me,
                "inc": incarnation,
                "shard": seen.shard,
                "owner": seen.term,
                "beat": seen.beat,
                "token": seen.token,
                "above": above,
            },
        )
        return None if row is None else int(row[0])

    async def release(self, me: str, shard: int, token: int) -> None:
        """Leave a shard to whoever wants it, and tell the others; without effect if it is another's already."""
        await self._row(_RELEASE, {"me": me, "shard": shard, "token": token})

    async def settle(self, incarnation: str) -> None:
        """Note that this incarnation was seen for as long as a lease."""
        await self._row(_SETTLE, {"inc": incarnation})

    async def end(self, me: str) -> None:
        """End this node's own term, after all its shards were released."""
        await self._row(_END, {"me": me})

    async def drain(self, node: str, is_draining: bool) -> bool:
        """Have a node give up all its shards, or let it have some again. Return whether there is such a node."""
        return await self._row(_DRAIN, {"node": node, "draining": is_draining}) is not None

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _row(self, statement: str, parameters: Mapping[str, object]) -> tuple[Any, ...] | None:
        async def execute(connection: Connection) -> tuple[Any, ...] | None:
            async with psycopg.AsyncClientCursor(connection) as cursor:
                await cursor.execute(_LIMITED + statement, parameters)
                while cursor.nextset():
                    pass
                return await cursor.fetchone() if cursor.description else None

        return await self._connection.do(execute)


def _silent(me: str, over: Sequence[TermState], incarnation: str) -> dict[str, object]:
    return {
        "me": me,
        "over": [each.term for each in over],
        "beats": [each.beat for each in over],
        "inc": incarnation,
    }


_LIMITED = "SET LOCAL statement_timeout = 1500; SET LOCAL lock_timeout = 1000;"
"""Within the transaction that every request is. Whoever waits has given up by then, and its next request would wait for
this one. In one message with it, because a pooler may give the next one another session."""

_LOOK = """
SELECT calendar_engine.incarnation(), json_build_object(
    'incarnation', calendar_engine.incarnation(), 'clock', calendar_engine.clock(), 'settled', c.settled,
    'lease_seconds', c.lease_seconds, 'settings', c.settings, 'secrets', c.secrets,
    'terms', (SELECT COALESCE(json_agg(t ORDER BY node, began), '[]') FROM calendar_engine.term t WHERE ended IS NULL),
    'shards', (
        SELECT COALESCE(json_agg(json_build_object(
            'shard', s.shard, 'term', s.term, 'token', s.token, 'beat', COALESCE(t.beat, 0),
            'ended', t.ended IS NOT NULL
        ) ORDER BY s.shard), '[]')
        FROM calendar_engine.shard s LEFT JOIN calendar_engine.term t ON t.term = s.term
    ),
    'gone', (
        SELECT COALESCE(json_agg(json_build_object('node', node, 'since', ended) ORDER BY node), '[]') FROM (
            SELECT DISTINCT ON (node) node, ended, ended_by = term AS by_itself
            FROM calendar_engine.term ORDER BY node, ended DESC NULLS FIRST
        ) latest WHERE ended IS NOT NULL AND NOT by_itself
    )
)::text FROM calendar_engine.cluster c
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(1667329125, 2)"
_END_SILENT = """
UPDATE calendar_engine.term SET ended = calendar_engine.clock(), ended_by = %(me)s
WHERE ended IS NULL AND calendar_engine.incarnation() = %(inc)s
    AND (term, beat) IN (SELECT * FROM unnest(%(over)s::uuid[], %(beats)s::bigint[]))
"""
_BEGIN = """
INSERT INTO calendar_engine.term (term, node, role, version, schema, keys)
SELECT %(me)s::uuid, %(node)s, %(role)s, %(version)s, %(schema)s::int, %(keys)s::text[]
WHERE calendar_engine.incarnation() = %(inc)s
    AND NOT EXISTS (SELECT FROM calendar_engine.term WHERE node = %(node)s AND ended IS NULL AND term <> %(me)s)
ON CONFLICT (term) DO UPDATE SET role = excluded.role WHERE term.ended IS NULL
"""
_TIDY_UP = """
DELETE FROM calendar_engine.term t WHERE ended < calendar_engine.clock() - interval '7 days'
    AND NOT EXISTS (SELECT FROM calendar_engine.shard s WHERE s.term = t.term)
"""
_BEAT = """
WITH mine AS (
    UPDATE calendar_engine.term SET beat = beat + 1, seen = calendar_engine.clock(), able = %(able)s,
        settings = %(settings)s, figures = %(figures)s::jsonb
    WHERE term = %(me)s AND ended IS NULL AND NOT pg_is_in_recovery() RETURNING term
)
SELECT COALESCE(array_agg(ARRAY[s.shard, s.token]) FILTER (WHERE s.shard IS NOT NULL), '{}')
FROM mine LEFT JOIN calendar_engine.shard s USING (term) GROUP BY mine.term
"""
_TAKE = """
WITH free AS (
    SELECT shard FROM calendar_engine.shard
    WHERE shard = %(shard)s AND token = %(token)s AND term IS NOT DISTINCT FROM %(owner)s::uuid FOR UPDATE SKIP LOCKED
), alive AS (
    UPDATE calendar_engine.term SET beat = beat + 1, seen = calendar_engine.clock()
    WHERE term = %(me)s AND ended IS NULL AND calendar_engine.incarnation() = %(inc)s AND EXISTS (SELECT FROM free)
    RETURNING 1
), former AS (
    UPDATE calendar_engine.term
    SET ended = COALESCE(ended, calendar_engine.clock()), ended_by = COALESCE(ended_by, %(me)s)
    WHERE term = %(owner)s AND term <> %(me)s AND (beat = %(beat)s OR ended IS NOT NULL)
        AND EXISTS (SELECT FROM alive)
    RETURNING 1
)
UPDATE calendar_engine.shard SET term = %(me)s, token = GREATEST(token, %(above)s) + 1, since = calendar_engine.clock()
WHERE shard IN (SELECT shard FROM free) AND EXISTS (SELECT FROM alive)
    AND (%(owner)s::uuid IS NULL OR %(owner)s::uuid = %(me)s OR EXISTS (SELECT FROM former))
RETURNING token
"""
_RELEASE = """
WITH freed AS (
    UPDATE calendar_engine.shard SET term = NULL, since = calendar_engine.clock()
    WHERE shard = %(shard)s AND term = %(me)s AND token = %(token)s RETURNING shard
)
SELECT pg_notify('calendar_engine', 'shards') FROM freed
"""
_SETTLE = """
UPDATE calendar_engine.cluster SET settled = %(inc)s
WHERE calendar_engine.incarnation() = %(inc)s AND settled <> %(inc)s
"""
_END = """
WITH ended AS (
    UPDATE calendar_engine.term SET ended = calendar_engine.clock(), ended_by = %(me)s
    WHERE term = %(me)s AND ended IS NULL RETURNING term
)
SELECT pg_notify('calendar_engine', 'nodes') FROM ended
"""
_DRAIN = """
WITH told AS (
    UPDATE calendar_engine.term SET draining = %(draining)s WHERE node = %(node)s AND ended IS NULL RETURNING term
)
SELECT pg_notify('calendar_engine', 'nodes') FROM told
"""
