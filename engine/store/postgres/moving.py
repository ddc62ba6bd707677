"""Moves what an engine has stored into an empty shared database, adds to what is there, and takes all of it back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.logins.rules import Account, Attempts
from engine.store.errors import SharedDatabaseInUse
from engine.store.moving import StoredState
from engine.store.postgres.audit import add_records, all_records
from engine.store.postgres.database import Connection
from engine.store.postgres.history import latest_versions, write_versions
from engine.store.postgres.presences import PRESENCES, columns_of, record_of
from engine.store.postgres.secrets import load_secrets, replace_secrets
from engine.store.presence import PresenceRecord, PresenceTarget
from engine.store.secret_store import StoredSecret

ShardOf = Callable[[str], int]
"""Returns the shard of a guid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedState:
    """All that several engines share: what is in the database of one that works alone, and what that has in files."""

    stored: StoredState
    secrets: Mapping[str, StoredSecret]
    setup: str
    """The set-up under way, empty if there is none."""


async def write_state(
    connection: Connection, state: SharedState, shard_of: ShardOf, *, node: str, key: bytes | None
) -> None:
    """Make this the state that engines share, in a long-running transaction.

    It was made at `node`, and its secrets are encrypted with `key`, which there must be if there are any. The newest
    version of the settings is in force. Raises `SharedDatabaseInUse` if there is a state already.
    """
    await connection.execute("LOCK TABLE cluster IN EXCLUSIVE MODE")
    found = await in_use(connection)
    if found:
        raise SharedDatabaseInUse(found)
    stored = state.stored
    place = stored.place
    await connection.execute(
        _CLUSTER, (place and place.pbx, place and place.contact, stored.let_through, stored.log_in_salt)
    )
    await connection.execute(_SHARDS)
    await _write_presences(connection, stored, shard_of)
    await write_versions(connection, stored.versions, node)
    await add_records(connection, node, stored.audit)
    log_ins = [(account.kind, account.name, _text(attempts)) for account, attempts in stored.log_ins.items()]
    await connection.cursor().executemany("INSERT INTO log_in (kind, name, attempts) VALUES (%s, %s, %s)", log_ins)
    tenants = [(*tenant, facts) for tenant, facts in stored.tenants.items()]
    await connection.cursor().executemany("INSERT INTO tenant_facts VALUES (%s, %s, %s)", tenants)
    if state.setup:
        await connection.execute("INSERT INTO setup (version, node, state) VALUES (1, %s, %s)", (node, state.setup))
    if key is not None:
        await replace_secrets(connection, key, put=state.secrets, drop=())


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What an engine has to know of a cluster that it joins: the number of shards, the shared settings in force, "" if
    there are none yet, the names of the engines that have not ended, and whether everything was taken back from it."""

    shards: int
    settings: str
    nodes: frozenset[str]
    is_over: bool


async def facts_of(connection: Connection) -> ClusterFacts:
    """Return what an engine has to know to join."""
    [(shards, settings, is_over)] = await _rows(connection, _FACTS)
    nodes = await _rows(connection, "SELECT node FROM term WHERE ended IS NULL")
    return ClusterFacts(shards, settings or "", frozenset(node for (node,) in nodes), is_over)


async def in_use(connection: Connection) -> str:
    """Return what engines that share the database have stored there, "" if nothing."""
    [(found,)] = await _rows(connection, _IN_USE)
    return found or ""


async def read_state(connection: Connection, keys: tuple[bytes, ...]) -> SharedState:
    """Return the state that engines share, its secrets decrypted with one of the keys."""
    return SharedState(
        stored=await read_stored(connection),
        secrets=await load_secrets(connection, keys),
        setup=await read_setup(connection),
    )


async def read_setup(connection: Connection) -> str:
    """Return the set-up under way, empty if there is none."""
    rows = await _rows(connection, "SELECT state FROM setup")
    return rows[0][0] if rows else ""


async def read_stored(connection: Connection) -> StoredState:
    """Return what is in the database of an engine that works alone."""
    [(pbx, contact, let_through, salt)] = await _rows(connection, _READ_CLUSTER)
    rows = await _rows(connection, PRESENCES)
    return StoredState(
        presences={row[0]: record_of(row) for row in rows},
        leftovers={guid: tuple(contacts) for guid, contacts in await _rows(connection, _LEFTOVERS)},
        place=None if pbx is None else PresenceTarget(pbx, contact),
        let_through=let_through,
        let_go=frozenset(guid for (guid,) in await _rows(connection, "SELECT guid FROM presence WHERE let_go")),
        versions=await latest_versions(connection),
        audit=await all_records(connection),
        log_ins={
            Account(kind, name): msgspec.json.decode(attempts, type=Attempts)
            for kind, name, attempts in await _rows(connection, _LOG_INS)
        },
        log_in_salt=bytes(salt),
        tenants={(tenant, client): facts for tenant, client, facts in await _rows(connection, _TENANTS)},
    )


async def clear(connection: Connection, mark: str) -> None:
    """Delete the state that engines share, and all shards: an engine that comes back has nothing to work for.

    `mark`, a UUID, tells from now on that this has been done (`mark_of`).
    """
    for table in (*_TABLES, "shard", "term"):
        await connection.execute(f"DELETE FROM {table}")  # noqa: S608 (names of ours)
    await connection.execute(_CLEARED, (mark,))


async def mark_of(connection: Connection) -> str:
    """Return what `clear` was given, until the next engine moves its state into the database."""
    [(mark,)] = await _rows(connection, "SELECT id::text FROM cluster")
    return str(mark)


async def add_unknown(connection: Connection, stored: StoredState, shard_of: ShardOf) -> int:
    """Add the presences of an engine that joins others, as far as nothing is known of those users, and return how many.
    They are in doubt.

    What it wrote to another PBX is left out; what it wrote to another contact is left there.
    """
    [(pbx, contact)] = await _rows(connection, "SELECT pbx, contact FROM cluster FOR KEY SHARE")
    place = stored.place
    if place is None or not stored.presences or pbx not in (None, place.pbx):
        return 0
    moved = (place.contact,) if contact not in (None, place.contact) else ()
    rows = [
        (guid, shard_of(guid), record.ends, _left(stored.leftovers.get(guid, ()), moved, contact))
        for guid, record in stored.presences.items()
    ]
    cursor = connection.cursor()
    await cursor.executemany(_ADD_UNKNOWN, rows)
    return cursor.rowcount


def _left(before: tuple[str, ...], moved: tuple[str, ...], contact: str | None) -> list[str]:
    return sorted({*before, *moved} - {contact})


_FACTS = """
    SELECT shards, text, NOT EXISTS (SELECT FROM shard)
    FROM cluster LEFT JOIN settings_version ON settings_version.id = cluster.settings
"""
_TABLES = ("presence", "settings_version", "audit", "secret", "setup", "log_in", "tenant_facts")
_IN_USE = """
    SELECT CASE
        WHEN EXISTS (SELECT FROM presence) THEN 'presences'
        WHEN EXISTS (SELECT FROM settings_version) THEN 'settings'
        WHEN EXISTS (SELECT FROM audit) THEN 'an audit log'
        WHEN EXISTS (SELECT FROM secret) THEN 'secrets'
        WHEN EXISTS (SELECT FROM setup WHERE state <> '') THEN 'a set-up'
        WHEN EXISTS (SELECT FROM log_in) THEN 'log-ins'
        WHEN EXISTS (SELECT FROM tenant_facts) THEN 'facts about a tenant'
    END
"""
_CLUSTER = "UPDATE cluster SET id = gen_random_uuid(), pbx = %s, contact = %s, let_through = %s, log_in_salt = %s"
_SHARDS = """
    INSERT INTO shard (shard) SELECT generate_series(0, shards - 1) FROM cluster ON CONFLICT (shard) DO NOTHING
"""
_CLEARED = """
    UPDATE cluster SET id = %s, settings = 0, secrets = secrets + 1, pbx = NULL, contact = NULL, let_through = NULL
"""
_READ_CLUSTER = "SELECT pbx, contact, let_through, log_in_salt FROM cluster"
_LEFTOVERS = "SELECT guid, leftovers FROM presence WHERE leftovers <> '{}'"
_LOG_INS = "SELECT kind, name, attempts FROM log_in WHERE attempts <> '[]' ORDER BY kind, name"
_TENANTS = "SELECT tenant_id, client_id, facts FROM tenant_facts"
_ADD_UNKNOWN = """
    INSERT INTO presence (guid, shard, token, at, expires, leftovers) VALUES (%s, %s, 0, clock(), %s, %s)
    ON CONFLICT (guid) DO NOTHING
"""
_COPY = """
    COPY presence (guid, shard, token, at, activity, note, expires, intended_activity, intended_note, intended_expires,
        suspect, leftovers, let_go) FROM STDIN
"""


async def _write_presences(connection: Connection, stored: StoredState, shard_of: ShardOf) -> None:
    [(now,)] = await _rows(connection, "SELECT clock()")
    async with connection.cursor().copy(_COPY) as copy:
        for guid in {**stored.presences, **stored.leftovers}:
            record = stored.presences.get(guid, PresenceRecord())
            left = list(stored.leftovers.get(guid, ()))
            values = columns_of(record).values()
            await copy.write_row((guid, shard_of(guid), 0, now, *values, left, guid in stored.let_go))


def _text(attempts: Iterable[object]) -> str:
    return msgspec.json.encode(attempts).decode()


async def _rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement)).fetchall()
