"""Databases of all released versions are upgraded, and there is a way back."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.core.presence.model import Presence
from engine.logins.rules import Account, LogInOutcome
from engine.store import database as of_store
from engine.store.audit import AuditTrail
from engine.store.database import MIGRATIONS, Database
from engine.store.errors import DiskUnusable, StoreForeign
from engine.store.logins import LogInHistory
from engine.store.presence import AcknowledgedPresences, PresenceRecord
from engine.store.settings_history import SettingsHistory

STORES = Path(__file__).parents[1] / "fixtures" / "stores"
"""A database of each version of the schema as SQL, for each migration."""

NEWEST = len(MIGRATIONS)
GUID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
KNOWN = PresenceRecord(Presence("busy", "Jour fixe"), datetime(2026, 3, 2, 10, tzinfo=UTC))


def written_by(version: int, directory: Path) -> Path:
    """Write the database of a version, and return its path."""
    path = directory / "engine.db"
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((STORES / f"schema-{version}.sql").read_text())
    return path


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Database]:
    database = Database(directory)
    try:
        await database.open()
        yield database
    finally:
        await database.close()


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
async def test_a_database_of_each_version_is_upgraded(tmp_path: Path, version: int) -> None:
    path = written_by(version, tmp_path)
    async with opened(tmp_path) as database:
        assert await AcknowledgedPresences(database).load() == {GUID: KNOWN}
        history = await SettingsHistory(database).versions()
        audit = await AuditTrail(database).load()
        assert [each.returns_to for each in history] == ([1, None] if version >= 2 else [])
        assert [each.subject for each in audit] == (["presence.language"] if version >= 2 else [])
        if version >= 5:
            [attempt] = (await LogInHistory(database).accounts())[Account("PBX", "calendar")]
            assert attempt.outcome is LogInOutcome.PROVED
    assert version_of(path) == NEWEST
    kept = sorted(name for name in os.listdir(tmp_path) if ".schema-" in name)
    assert kept == ([f"engine.db.schema-{version}"] if version < NEWEST else [])
    if kept:
        assert version_of(tmp_path / kept[0]) == version
        assert (tmp_path / kept[0]).stat().st_mode & 0o777 == 0o600


async def test_nothing_is_upgraded_that_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written_by(1, tmp_path)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(of_store, "replace_file", full)
    with pytest.raises(DiskUnusable, match="No space left"):
        async with opened(tmp_path):
            pass
    assert version_of(path) == 1


@pytest.mark.slow
async def test_an_older_engine_names_the_command_that_leads_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written_by(NEWEST - 1, tmp_path)
    async with opened(tmp_path):
        pass
    monkeypatch.setattr(of_store, "MIGRATIONS", MIGRATIONS[: NEWEST - 1])
    with pytest.raises(StoreForeign, match="newer version") as refused:
        async with opened(tmp_path):
            pass
    assert version_of(path) == NEWEST
    command = f"calendar-engine restore {path}.schema-{NEWEST - 1}"
    assert command in refused.value.remedy

    settings = tmp_path / "settings.toml"
    settings.write_text(f'[engine]\nstate_dir = "{tmp_path}"\n')
    assert main([*command.split()[1:], "--settings", str(settings)]) == 0
    assert version_of(path) == NEWEST - 1
    async with opened(tmp_path) as database:
        [record] = (await AcknowledgedPresences(database).load()).values()
        assert record.in_doubt
        assert record.expires == KNOWN.expires
    capsys.readouterr()
