"""Settings history and audit log are kept alike for an engine that works alone and for several."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from engine.settings.forms import SettingDifference
from engine.store.audit import KEPT as KEPT_RECORDS
from engine.store.audit import AuditRecord
from engine.store.errors import SettingsChangedElsewhere
from engine.store.postgres.history import SharedHistory
from engine.store.settings_history import KEPT, Author, Version, VersionStore
from tests.support.postgres import PostgresDatabase
from tests.support.storage import PostgresStorage, Storage

NOON = datetime(2026, 3, 2, 12, 0, 0, 5, tzinfo=UTC)
ANNA = Author(1000, 4711, "anna")
DIFFERENCES = (SettingDifference("presence.language", None, "de"), SettingDifference("pbx.pilots", ("a", "\0"), None))
TEXT = '[presence]\nlanguage = "de"  # Fête %s\n'


async def added(history: VersionStore, text: str = TEXT) -> int:
    return await history.add(NOON, ANNA, "change", DIFFERENCES, text, None)


async def test_versions_are_kept_as_they_were(storage: Storage) -> None:
    history = storage.history()
    first = await history.add(NOON, None, "change of the file", (), "", None)
    until = NOON + timedelta(minutes=10)
    second = await history.add(NOON, ANNA, "change", DIFFERENCES, TEXT, until, first)
    await storage.restart()
    newest, oldest = await storage.history().versions()
    node = oldest.node
    assert oldest == Version(
        id=first,
        at=NOON,
        author=None,
        action="change of the file",
        differences=(),
        text="",
        confirm_until=None,
        node=node,
    )
    assert newest == Version(
        id=second,
        at=NOON,
        author=ANNA,
        action="change",
        differences=DIFFERENCES,
        text=TEXT,
        confirm_until=until,
        returns_to=first,
        node=node,
    )
    await storage.history().confirm(second)
    assert (await storage.history().versions())[0].confirm_until is None


async def test_the_number_of_a_removed_version_is_not_used_again(storage: Storage) -> None:
    history = storage.history()
    first, second = await added(history), await added(history)
    await history.remove(second)
    assert [each.id for each in await history.versions()] == [first]
    third = await added(history)
    assert third > second > first


async def test_old_versions_go(storage: Storage) -> None:
    history = storage.history()
    numbers = [await added(history, str(number)) for number in range(KEPT + 3)]
    assert [each.id for each in await history.versions()] == numbers[: -KEPT - 1 : -1]


async def test_the_audit_log_keeps_the_last_of_each_action(storage: Storage) -> None:
    audit = storage.audit()
    rare = AuditRecord(NOON, ANNA, "restore", "backup of Fête")
    often = [AuditRecord(NOON, ANNA, "resync", str(number)) for number in range(KEPT_RECORDS + 2)]
    await audit.add([])
    await audit.add([rare])
    await audit.add(often[:-1])
    await audit.add(often[-1:])
    await storage.restart()
    found = await storage.audit().load()
    assert [(each.at, each.author, each.action, each.subject) for each in found] == [
        (each.at, each.author, each.action, each.subject) for each in (rare, *often[2:])
    ]


async def test_of_two_changes_of_the_same_settings_one_is_refused(cluster_database: PostgresDatabase) -> None:
    one, other = PostgresStorage(cluster_database, "a"), PostgresStorage(cluster_database, "b")
    here, there = one.history(), other.history()
    heard = await one.database.connect()
    await heard.execute("LISTEN calendar_engine")
    record = AuditRecord(NOON, ANNA, "change_settings", "from \udc80 outside\0")
    results = await asyncio.gather(
        *(each.add(NOON, ANNA, "change", DIFFERENCES, TEXT, None, audit=[record]) for each in (here, there)),
        return_exceptions=True,
    )
    [refused] = [each for each in results if not isinstance(each, int)]
    assert isinstance(refused, SettingsChangedElsewhere)
    _, [in_force] = await here.read()
    assert in_force.text == TEXT
    [noted] = await one.audit().load()
    assert (noted.node, noted.subject) == (in_force.node, "from ? outside\N{REPLACEMENT CHARACTER}")
    assert [each.payload async for each in heard.notifies(timeout=10, stop_after=1)] == ["settings"]

    # Whoever enforces what is in force may change it, and what did not come into force gives way to what did before.
    behind = there if in_force.node == "a" else here
    await behind.read()
    version = await added(behind, "another")
    await behind.remove(version)
    assert (behind.seen, (await here.read())[1]) == (in_force.id, (in_force,))
    await heard.close()
    await one.close()
    await other.close()


async def test_a_change_is_told_of_or_does_not_happen(cluster_database: PostgresDatabase) -> None:
    storage = PostgresStorage(cluster_database)
    history = storage.history()
    with cluster_database.connection() as administrator:
        administrator.execute("ALTER TABLE audit ADD CHECK (action <> 'forbidden')")
    record = AuditRecord(NOON, ANNA, "forbidden", "")
    with pytest.raises(psycopg.errors.CheckViolation):
        await history.add(NOON, ANNA, "change", (), TEXT, None, audit=[record])
    assert (await history.look()).version == history.seen == 0
    assert await history.versions() == ()
    await storage.close()


async def test_a_change_that_nobody_confirms_is_taken_back_once_and_not_after_it_was_confirmed(
    cluster_database: PostgresDatabase,
) -> None:
    one, other = PostgresStorage(cluster_database, "a"), PostgresStorage(cluster_database, "b")
    here, there = one.history(), other.history()
    with cluster_database.connection() as administrator:

        def it_is(time: datetime) -> None:
            administrator.execute(
                "CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz LANGUAGE sql AS "
                f"$$SELECT '{time}'::timestamptz$$"
            )

        it_is(NOON)
        first = await added(here)
        await there.read()
        until = NOON + timedelta(minutes=10)
        tried = await there.add(NOON, ANNA, "change", (), "tried", until)

        async def take_back(history: SharedHistory) -> int:
            return await history.add(NOON, None, f"rollback to {first}", (), TEXT, None, first, only_overdue=True)

        look, versions = await here.read()
        assert (look.confirm_until, look.is_overdue, look.now, versions[0].id) == (until, False, NOON, tried)
        with pytest.raises(SettingsChangedElsewhere, match="may be still"):
            await take_back(here)
        it_is(until)
        assert (await here.look()).is_overdue
        results = await asyncio.gather(take_back(here), take_back(there), return_exceptions=True)
        assert sorted(isinstance(each, int) for each in results) == [False, True]
        with pytest.raises(SettingsChangedElsewhere, match="not in force"):
            await there.confirm(tried)

        await here.read()
        tried = await here.add(NOON, ANNA, "change", (), "tried again", until)
        await there.read()
        await there.confirm(tried)
        with pytest.raises(SettingsChangedElsewhere, match="confirmed already"):
            await here.confirm(tried)
        assert not (await here.look()).is_overdue
        with pytest.raises(SettingsChangedElsewhere, match="was confirmed"):
            await take_back(here)

        # Who has it in force says so; who is over does not count.
        assert await here.behind(tried) == ("b",)
        await there.report(other.term, tried)
        assert await here.behind(tried) == ()
        assert await there.behind(tried) == ("a",)
        administrator.execute("UPDATE term SET ended = now() WHERE node = 'a'")
        assert await there.behind(tried) == ()
    await one.close()
    await other.close()
