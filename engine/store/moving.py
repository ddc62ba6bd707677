"""All that an engine keeps in its database, so that it can be moved to another one."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from engine.logins.rules import Account, Attempts
from engine.store.audit import AuditRecord, add_records, all_records
from engine.store.database import prepare
from engine.store.logins import all_attempts, salt_of, write_attempts
from engine.store.presence import (
    PresenceRecord,
    PresenceTarget,
    all_leftovers,
    all_presences,
    place_of,
    write_all,
)
from engine.store.settings_history import Version, latest_versions, write_versions
from engine.store.tenants import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """The content of the database, but for secrets and a set-up under way, which have places of their own.

    `place` is what `presences` and `leftovers` apply to. `let_through` are presence settings as they are kept. The
    newest of the `versions` comes first, the oldest of the `audit` records. `log_in_salt` is what the fingerprints in
    `log_ins` are made with.
    """

    presences: Mapping[str, PresenceRecord]
    leftovers: Mapping[str, tuple[str, ...]]
    place: PresenceTarget | None
    let_through: str | None
    let_go: frozenset[str]
    versions: tuple[Version, ...]
    audit: tuple[AuditRecord, ...]
    log_ins: Mapping[Account, Attempts]
    log_in_salt: bytes
    tenants: Mapping[Key, str]


def read_state(connection: sqlite3.Connection) -> StoredState:
    """Return what an engine that works alone has stored."""
    let_through = connection.execute("SELECT settings FROM let_through").fetchone()
    let_go = connection.execute("SELECT guid FROM let_go WHERE guid IN (SELECT guid FROM presence)")
    return StoredState(
        presences=all_presences(connection),
        leftovers=all_leftovers(connection),
        place=place_of(connection),
        let_through=None if let_through is None else let_through[0],
        let_go=frozenset(guid for (guid,) in let_go),
        versions=latest_versions(connection),
        audit=all_records(connection),
        log_ins=all_attempts(connection),
        log_in_salt=salt_of(connection),
        tenants={(tenant, client): facts for tenant, client, facts in connection.execute(_TENANTS)},
    )


def write_state(connection: sqlite3.Connection, state: StoredState) -> None:
    """Make this the content of the database of an engine that works alone, instead of what was in it.

    Which engine of several made a change is not kept, and who is suspect is in doubt.
    """
    known = {
        guid: PresenceRecord(expires=each.ends) if each.suspect else each for guid, each in state.presences.items()
    }
    write_all(connection, known, state.leftovers, state.place, instead=True)
    for table in ("let_through", "let_go", "audit", "log_in", "log_in_salt", "tenant_facts"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (names of ours)
    if state.let_through is not None:
        connection.execute("INSERT INTO let_through VALUES (?)", (state.let_through,))
    connection.executemany("INSERT INTO let_go VALUES (?)", [(guid,) for guid in state.let_go])
    write_versions(connection, state.versions)
    add_records(connection, state.audit)
    for account, attempts in state.log_ins.items():
        write_attempts(connection, account, attempts)
    connection.execute("INSERT INTO log_in_salt VALUES (?)", (state.log_in_salt,))
    connection.executemany(
        "INSERT INTO tenant_facts VALUES (?, ?, ?)", [(*key, text) for key, text in state.tenants.items()]
    )


def database_of(state: StoredState) -> bytes:
    """Return the database of an engine that works alone with this content, as a file."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection)
        connection.execute("BEGIN")
        write_state(connection, state)
        connection.execute("COMMIT")
        return connection.serialize()


_TENANTS = "SELECT tenant_id, client_id, facts FROM tenant_facts"
