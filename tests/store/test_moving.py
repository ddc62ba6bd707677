"""What an engine has stored is the same in the shared database, and after the way back; nothing is mixed with it."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.core.presence.model import CLEARED, Presence, PresenceSettings
from engine.core.secret import Secret
from engine.logins.rules import Account, Attempt, LogInOutcome
from engine.settings.forms import SettingDifference
from engine.store.audit import AuditRecord, AuditTrail
from engine.store.database import MIGRATIONS, Database
from engine.store.errors import SharedDatabaseInUse
from engine.store.logins import LogInHistory
from engine.store.moving import StoredState, read_state, write_state
from engine.store.postgres import moving
from engine.store.postgres.address import database_address
from engine.store.postgres.database import Connection, SharedDatabase
from engine.store.postgres.migrations import prepare
from engine.store.postgres.moving import SharedState
from engine.store.postgres.presences import SharedPresences
from engine.store.presence import AcknowledgedPresences, PresenceRecord, PresenceTarget
from engine.store.secret_store import StoredSecret
from engine.store.settings_history import Author, SettingsHistory
from engine.store.tenants import SqliteTenants
from tests.support.postgres import OWNER, PostgresDatabase
from tests.support.storage import KEY, PostgresStorage

STORES = Path(__file__).parents[1] / "fixtures" / "stores"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANNA = Author(1000, 4711, "anna")
ACCOUNT = Account("pbx.password", "calendar")
BUSY = Presence("busy", "Jour fixe 'é' \t\\N \N{FACE WITH TEARS OF JOY}")
HERE, BEFORE = PresenceTarget("master host", "calendar:"), PresenceTarget("master host", "meetings:")
SECRETS = {"pbx.password": StoredSecret(Secret("correct horse"), NOON)}


def shard_of(guid: str) -> int:
    return len(guid)


@asynccontextmanager
async def sqlite(directory: Path) -> AsyncIterator[Database]:
    database = Database(directory)
    await database.open()
    yield database
    await database.close()


@asynccontextmanager
async def postgres(made: PostgresDatabase) -> AsyncIterator[SharedDatabase]:
    database = SharedDatabase(database_address(made.conninfo(OWNER)))
    yield database
    await database.close()


async def filled(database: Database) -> StoredState:
    """Store something of everything, by those who store it."""
    presences = AcknowledgedPresences(database)
    await presences.set_target(BEFORE)
    await presences.acknowledge("a1", BUSY, NOON)
    await presences.acknowledge("a2", BUSY, NOON)
    await presences.set_target(HERE)
    await presences.acknowledge("a1", CLEARED, None)
    await presences.acknowledge("a3", BUSY, NOON)
    await presences.intend("a3", CLEARED, NOON + timedelta(hours=1))
    await presences.intend("a four", BUSY, None)
    await presences.meant.note(PresenceSettings(language="de"), {"a1", "a3", "unknown"})
    history = SettingsHistory(database)
    for text in ("", "removed", '[presence]\nlanguage = "de"\n'):
        version = await history.add(NOON, ANNA, "change", (SettingDifference("a.b", None, ("c",)),), text, None)
        if text == "removed":
            await history.remove(version)
    await history.add(NOON, None, "rollback", (), "", NOON + timedelta(minutes=1), 1)
    await AuditTrail(database).add([AuditRecord(NOON, ANNA, "resync", "é"), AuditRecord(NOON, ANNA, "restart", "")])
    log_ins = LogInHistory(database)
    await log_ins.change(ACCOUNT, lambda _: (Attempt("f1", NOON, LogInOutcome.PROVED),))
    await log_ins.fingerprint(ACCOUNT, "x")
    await SqliteTenants(database).keep(("tenant", "application"), '{"é": 1}')
    return await database.run(read_state)


async def moved(stored: StoredState, database: SharedDatabase) -> None:
    state = SharedState(stored=stored, secrets=SECRETS, setup='{"answers": "é"}')
    await database.run(
        lambda connection: moving.write_state(connection, state, shard_of, node="a", key=KEY), long_running=True
    )


async def read(connection: Connection) -> SharedState:
    return await moving.read_state(connection, (KEY,))


async def test_everything_is_moved_and_comes_back(cluster_database: PostgresDatabase, tmp_path: Path) -> None:
    async with sqlite(tmp_path / "a") as database:
        before = await filled(database)
    async with postgres(cluster_database) as shared:
        await moved(before, shared)
        state = await shared.run(read)
    there = state.stored
    assert replace(there, versions=(), audit=()) == replace(before, versions=(), audit=())
    assert [replace(each, node="") for each in there.versions] == list(before.versions)
    assert [replace(each, node="") for each in there.audit] == list(before.audit)
    assert {each.node for each in there.versions} == {each.node for each in there.audit} == {"a"}
    assert {name: each.value.reveal() for name, each in state.secrets.items()} == {"pbx.password": "correct horse"}
    assert state.setup == '{"answers": "é"}'

    # It is what the stores of an engine in the cluster find, and go on with.
    storage = PostgresStorage(cluster_database, "b")
    presences = storage.presences()
    await presences.set_target(HERE)
    assert await presences.load() == before.presences
    assert await presences.stale_contacts() == {"a1": ("meetings:",), "a2": ("meetings:",)}
    history = storage.history()
    look, versions = await history.read()
    assert (look.version, versions) == (there.versions[0].id, there.versions)
    assert await history.add(NOON, ANNA, "change", (), "new", None) > look.version
    assert await storage.log_ins().accounts() == before.log_ins
    await presences.suspect("a1")
    await storage.close()

    async with postgres(cluster_database) as shared, sqlite(tmp_path / "b") as database:
        last = (await shared.run(read)).stored
        await database.run(lambda connection: write_state(connection, before))
        assert await database.run(read_state) == before
        await database.run(lambda connection: write_state(connection, last))
        back = await database.run(read_state)
        assert back.presences == {**before.presences, "a1": PresenceRecord()}
        assert back.versions[1:] == before.versions
        assert back.log_in_salt == before.log_in_salt


@pytest.mark.parametrize("version", [1, len(MIGRATIONS)])
async def test_the_database_of_an_older_version_is_moved_into_one_that_is_made_for_it(
    empty_database: PostgresDatabase, tmp_path: Path, version: int
) -> None:
    (tmp_path / "engine.db").touch(mode=0o600)
    with sqlite3.connect(tmp_path / "engine.db") as older:
        older.executescript((STORES / f"schema-{version}.sql").read_text())
    older.close()
    async with sqlite(tmp_path) as database, postgres(empty_database) as shared:
        before = await database.run(read_state)
        assert before.presences
        state = SharedState(stored=before, secrets={}, setup="")

        async def make(connection: Connection) -> None:
            await prepare(connection)
            await moving.write_state(connection, state, shard_of, node="a", key=None)

        await shared.run(make, long_running=True)
        there = (await shared.run(read)).stored
        await database.run(lambda connection: write_state(connection, there))
        assert await database.run(read_state) == before


async def test_nothing_is_mixed_with_what_is_there(cluster_database: PostgresDatabase, tmp_path: Path) -> None:
    async with sqlite(tmp_path / "a") as database:
        before = await filled(database)
    async with postgres(cluster_database) as shared:
        await moved(before, shared)
        there = await shared.run(read)
        with pytest.raises(SharedDatabaseInUse, match="presences"):
            await moved(before, shared)
        with cluster_database.connection() as administrator:
            administrator.execute("DELETE FROM presence")
        with pytest.raises(SharedDatabaseInUse, match="settings"):
            await moved(before, shared)
        assert (await shared.run(read)).stored == replace(there.stored, presences={}, leftovers={}, let_go=frozenset())


async def test_who_joins_others_brings_what_they_do_not_know(
    cluster_database: PostgresDatabase, tmp_path: Path
) -> None:
    async with sqlite(tmp_path / "a") as database:
        joining = await filled(database)
    storage = PostgresStorage(cluster_database)
    presences = SharedPresences(storage.database, lambda: storage.term)

    async def add(stored: StoredState) -> None:
        await storage.database.run(lambda connection: moving.add_unknown(connection, stored, shard_of))

    await presences.set_target(BEFORE)
    await presences.acknowledge("a3", CLEARED, None, storage.claim)
    await add(replace(joining, place=PresenceTarget("another", "calendar:")))
    await add(replace(joining, place=None))
    assert await presences.load() == {"a3": PresenceRecord(CLEARED)}
    await add(joining)
    assert await presences.load() == {
        "a1": PresenceRecord(),
        "a2": PresenceRecord(expires=NOON),
        "a3": PresenceRecord(CLEARED),
        "a four": PresenceRecord(),
    }
    assert await presences.stale_contacts() == dict.fromkeys(("a1", "a2", "a four"), ("calendar:",))
    with cluster_database.connection() as administrator:
        assert administrator.execute("SELECT shard, token FROM presence WHERE guid = 'a four'").fetchone() == (6, 0)
    await storage.close()
