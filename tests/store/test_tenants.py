"""What was found out about tenants is known to the next process, and only for the same tenant and application."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.core.tenant import NOTHING_LEARNED, MissingMailbox, TenantFacts
from engine.store import database as of_store
from engine.store.database import Database
from engine.store.errors import StoreUnusable
from engine.store.tenants import KnownTenants, SqliteTenants

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FACTS = (
    TenantFacts()
    .with_fact("missing_mailbox", MissingMailbox(404, "ErrorInvalidUser"), NOON)
    .with_fact("removable_roles", ("Mail.Read",), NOON)
    .without_fact("primary_address_works", "nobody has two names")
)
OURS, OTHERS = ("tenant", "application"), ("tenant", "another application")


async def opened(directory: Path) -> tuple[Database, KnownTenants]:
    database = Database(directory)
    await database.open()
    tenants = KnownTenants(SqliteTenants(database))
    await tenants.load()
    return database, tenants


async def test_what_was_found_out_is_known_to_the_next_process(tmp_path: Path) -> None:
    database, tenants = await opened(tmp_path / "state")
    await tenants.keep(*OURS, NOTHING_LEARNED)
    await tenants.keep(*OURS, FACTS)
    assert tenants.facts(*OURS) == FACTS
    await database.close()
    database, tenants = await opened(tmp_path / "state")
    assert tenants.facts(*OURS) == FACTS
    assert tenants.facts(*OTHERS) == NOTHING_LEARNED
    await database.close()


async def test_other_tenants_and_applications_are_forgotten(tmp_path: Path) -> None:
    database, tenants = await opened(tmp_path / "state")
    await tenants.keep(*OURS, FACTS)
    await tenants.keep(*OTHERS, FACTS)
    await tenants.forget_others(*OTHERS)
    for _ in range(2):
        assert tenants.facts(*OURS) == NOTHING_LEARNED
        assert tenants.facts(*OTHERS) == FACTS
        await tenants.load()
    await database.close()


async def test_what_cannot_be_read_was_never_learned(tmp_path: Path) -> None:
    database, tenants = await opened(tmp_path / "state")
    await tenants.keep(*OURS, FACTS)
    await tenants.keep(*OTHERS, FACTS)
    await database.run(
        lambda connection: connection.execute("UPDATE tenant_facts SET facts = '{' WHERE client_id = 'application'")
    )
    await tenants.load()
    assert (tenants.facts(*OURS), tenants.facts(*OTHERS)) == (NOTHING_LEARNED, FACTS)
    await database.close()


async def test_a_disk_that_fails_loses_nothing_that_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, tenants = await opened(tmp_path / "state")

    async def fails(*_: object, **__: object) -> None:
        raise StoreUnusable("no space left")

    monkeypatch.setattr(database, "run", fails)
    await tenants.keep(*OURS, FACTS)
    assert tenants.facts(*OURS) == FACTS
    await tenants.forget_others(*OTHERS)
    assert tenants.facts(*OURS) == NOTHING_LEARNED
    await database.close()


async def test_a_database_of_the_version_before_gets_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(of_store, "MIGRATIONS", of_store.MIGRATIONS[:6])
        database = Database(tmp_path / "state")
        await database.open()
        await database.close()
    database, tenants = await opened(tmp_path / "state")
    await tenants.keep(*OURS, FACTS)
    await database.close()
    with closing(sqlite3.connect(tmp_path / "state" / "engine.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(of_store.MIGRATIONS),)
