import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.core.presence.model import CLEARED, Presence
from engine.store.database import JOURNAL_PAGES, Database
from engine.store.errors import AlreadyRunning, StoreDamaged, StoreUnusable
from engine.store.presence import AcknowledgedPresences, PresenceRecord, PresenceTarget

BUSY = Presence("busy", "Busy until 3pm")
THREE = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "state")
    await database.open()
    yield database
    await database.close()


async def test_what_was_acknowledged_survives_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(tmp_path)
        await database.open()
        presences = AcknowledgedPresences(database)
        await presences.acknowledge("a1", BUSY, THREE)
        await presences.acknowledge("b2", CLEARED, None)
        await database.close()
    database = Database(tmp_path)
    await database.open()
    assert await AcknowledgedPresences(database).load() == {
        "a1": PresenceRecord(BUSY, THREE),
        "b2": PresenceRecord(CLEARED, None),
    }
    await database.close()


async def test_the_write_ahead_log_stays_small(database: Database, tmp_path: Path) -> None:
    presences = AcknowledgedPresences(database)
    for number in range(2 * JOURNAL_PAGES):
        await presences.acknowledge(f"guid-{number}", BUSY, THREE)
    # Every page there has 24 bytes before it; the last commit may go beyond.
    assert (tmp_path / "state" / "engine.db-wal").stat().st_size < 1.1 * JOURNAL_PAGES * 4096


async def test_an_intention_without_acknowledgement_is_in_doubt(database: Database) -> None:
    presences = AcknowledgedPresences(database)
    await presences.acknowledge("a1", CLEARED, None)
    await presences.intend("a1", BUSY, THREE)
    await presences.intend("new", BUSY, THREE)
    known = await presences.load()
    assert known["a1"] == PresenceRecord(CLEARED, None, BUSY, THREE)
    assert known["new"] == PresenceRecord(None, None, BUSY, THREE)
    assert known["a1"].in_doubt
    assert known["a1"].ends == THREE
    assert known["new"].in_doubt

    await presences.acknowledge("a1", BUSY, THREE)
    assert not (await presences.load())["a1"].in_doubt


async def test_a_refused_intention_leaves_what_was_acknowledged(database: Database) -> None:
    presences = AcknowledgedPresences(database)
    await presences.acknowledge("a1", BUSY, THREE)
    await presences.intend("a1", CLEARED, None)
    await presences.withdraw("a1")
    assert await presences.load() == {"a1": PresenceRecord(BUSY, THREE)}


async def test_what_was_acknowledged_elsewhere_is_doubted_and_what_is_left_there_known(database: Database) -> None:
    presences = AcknowledgedPresences(database)
    here = PresenceTarget("master host", "calendar:")
    await presences.set_target(here)
    await presences.acknowledge("a1", BUSY, THREE)
    await presences.acknowledge("a2", CLEARED, None)
    await presences.set_target(here)
    assert (await presences.load())["a1"] == PresenceRecord(BUSY, THREE)
    assert await presences.stale_contacts() == {}

    await presences.set_target(PresenceTarget("master host", "meetings:"))
    # Even if nobody can ever tell what is shown there, it is no longer true from three o'clock on.
    assert await presences.load() == {"a1": PresenceRecord(expires=THREE), "a2": PresenceRecord()}
    assert await presences.stale_contacts() == {"a1": ("calendar:",)}
    await presences.acknowledge("a1", BUSY, THREE)
    await presences.acknowledge("a2", CLEARED, None)

    await presences.set_target(here)
    assert await presences.stale_contacts() == {"a1": ("meetings:",)}
    await presences.mark_cleaned("a1")
    assert await presences.stale_contacts() == {}

    await presences.acknowledge("a1", BUSY, THREE)
    await presences.set_target(PresenceTarget("master host", "meetings:"))
    await presences.set_target(PresenceTarget("another host", "meetings:"))
    assert await presences.stale_contacts() == {}
    assert (await presences.load())["a1"].in_doubt


async def test_a_forgotten_user_leaves_no_trace(database: Database) -> None:
    presences = AcknowledgedPresences(database)
    await presences.acknowledge("a1", BUSY, THREE)
    await presences.forget("a1")
    assert await presences.load() == {}


async def test_files_are_private(database: Database, tmp_path: Path) -> None:
    await AcknowledgedPresences(database).forget("nobody")
    for path in [tmp_path / "state", *(tmp_path / "state").iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_a_second_engine_is_turned_away(database: Database, tmp_path: Path) -> None:
    second = Database(tmp_path / "state")
    with pytest.raises(AlreadyRunning, match="state"):
        await second.open()
    await second.close()


async def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    path.write_bytes(b"this is no database, " * 100)
    before = path.read_bytes()
    database = Database(tmp_path)
    with pytest.raises(StoreDamaged, match=r"engine\.db"):
        await database.open()
    await database.close()
    assert path.read_bytes() == before


async def test_a_foreign_or_newer_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "engine.db") as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()
    database = Database(tmp_path)
    with pytest.raises(StoreDamaged, match="another program"):
        await database.open()
    await database.close()

    newer = tmp_path / "newer"
    database = Database(newer)
    await database.open()
    await database.run(lambda connection: connection.execute("PRAGMA user_version = 99"))
    await database.close()
    database = Database(newer)
    with pytest.raises(StoreDamaged, match="newer version"):
        await database.open()
    await database.close()


async def test_an_unusable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    database = Database(tmp_path / "file" / "state")
    with pytest.raises(StoreUnusable, match="file"):
        await database.open()
    await database.close()


async def test_a_link_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", tmp_path / "engine.db")
    database = Database(tmp_path)
    with pytest.raises(StoreUnusable):
        await database.open()
    await database.close()
    assert not (tmp_path / "elsewhere").exists()
