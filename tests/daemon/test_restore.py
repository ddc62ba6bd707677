"""Restoring puts all of a backup in place or nothing, also after kill -9."""

import asyncio
import itertools
import sqlite3
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet

from engine.core.secret import Secret
from engine.daemon import restore as restoring
from engine.daemon.daemon import open_installation
from engine.daemon.restore import PENDING, restore, restore_store
from engine.store.backup import Backup
from engine.store.database import Database, locked
from engine.store.errors import AlreadyRunning, BackupUnusable, RestoreUnfinished, RestoreWouldReplace
from engine.store.replacing import replace_file
from engine.store.secret_store import CREDENTIAL, SecretStore, StoredSecret
from engine.supervisor.settings_file import SettingsFile
from engine.sync.clocks import SystemClock
from tests.support.killed import killed_at_work

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def a_backup(directory: Path, mark: str) -> Backup:
    """Return a backup in which everything has that mark."""
    database = Database(directory)
    await database.open()
    await database.run(lambda connection: connection.execute("INSERT INTO place VALUES (?, '')", (mark,)))
    store = await database.run(sqlite3.Connection.serialize)
    await database.close()
    (directory / "engine.db").unlink()
    return Backup(
        made=NOON,
        version="1",
        settings=f'[engine]\nstate_dir = "{directory}"\n# {mark}\n',
        store=store,
        secrets={"pbx.password": StoredSecret(Secret(mark), NOON)},
        files={"setup.json": mark.encode()},
    )


async def marks(directory: Path, file: Path, credentials: Path | None = None) -> set[str]:
    """Return the marks of everything that an engine finds."""
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)} if credentials else {}
    async with open_installation(file, None, environment, SystemClock()) as found:
        place = await found.database.run(lambda connection: connection.execute("SELECT pbx FROM place").fetchone())
        secret = (await found.sources.known())["pbx.password"].reveal()
        settings = found.file.read().partition("# ")[2].strip()
        assert found.state == directory
        assert not (directory / PENDING).exists()
        return {place[0], secret, settings, (directory / "setup.json").read_text()}


def restore_until_killed(directory: Path, tell: "Connection[int, Any]") -> None:
    state, file = directory / "state", SettingsFile(directory / "settings.toml")
    backups = [asyncio.run(a_backup(state, mark)) for mark in "AB"]
    for number in itertools.count(1):
        restore(backups[number % 2], file, None, replace=True)
        tell.send(number)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("enough", [1, 2, 7])
async def test_kill_9_leaves_one_backup_whole(tmp_path: Path, enough: int) -> None:
    await asyncio.to_thread(killed_at_work, restore_until_killed, tmp_path, enough)
    assert len(await marks(tmp_path / "state", tmp_path / "settings.toml")) == 1


@pytest.mark.parametrize("step", range(6))
async def test_what_is_interrupted_at_any_step_is_finished_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    state, file = tmp_path / "state", tmp_path / "settings.toml"
    first, second = await a_backup(state, "first"), await a_backup(state, "second")
    restore(first, SettingsFile(file), None, replace=False)
    done = 0

    def interrupted(path: Path, content: bytes) -> None:
        nonlocal done
        if done == step:
            raise KeyboardInterrupt
        done += 1
        replace_file(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(restoring, "replace_file", interrupted)
        if step < 4:
            with pytest.raises(KeyboardInterrupt):
                restore(second, SettingsFile(file), None, replace=True)
        else:
            restore(second, SettingsFile(file), None, replace=True)
    assert await marks(state, file) == {"first" if step == 0 else "second"}


async def test_secrets_are_restored_where_systemd_keeps_their_key(tmp_path: Path) -> None:
    """The command is not given the key, and what is replaced cannot be opened by it."""
    state, file = tmp_path / "state", tmp_path / "settings.toml"
    backup = await a_backup(state, "mine")
    (tmp_path / CREDENTIAL).write_bytes(Fernet.generate_key())
    SecretStore(state, tmp_path).store({"pbx.password": StoredSecret(Secret("others"), NOON)})
    restore(backup, SettingsFile(file), None, replace=True)
    assert await marks(state, file, tmp_path) == {"mine"}
    assert not (state / "secrets.key").exists()
    assert await marks(state, file, tmp_path) == {"mine"}


async def test_what_is_there_is_replaced_only_if_told(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "settings.toml"
    backup = await a_backup(state, "mine")
    file.write_text("# already here")
    with pytest.raises(RestoreWouldReplace):
        restore(backup, SettingsFile(file), None, replace=False)
    assert file.read_text() == "# already here"
    assert {each.name for each in state.iterdir()} == {"engine.lock"}
    restore(backup, SettingsFile(file), None, replace=True)
    assert await marks(state, file) == {"mine"}


async def test_nothing_is_restored_beside_a_running_engine(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path / "state", "mine")
    with locked(tmp_path / "state"), pytest.raises(AlreadyRunning):
        restore(backup, SettingsFile(tmp_path / "settings.toml"), None, replace=True)
    assert not (tmp_path / "settings.toml").exists()


async def test_what_the_backup_has_not_is_gone(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "settings.toml"
    backup = await a_backup(state, "mine")
    (state / "secrets.enc").write_bytes(b"others")
    (state / "pbx-addresses").write_bytes(b"others")
    restore(msgspec.structs.replace(backup, secrets={}), SettingsFile(file), None, replace=True)
    assert not (state / "secrets.enc").exists()
    assert not (state / "pbx-addresses").exists()
    assert (state / "setup.json").read_text() == "mine"


async def test_the_engine_does_not_start_with_half_of_a_backup(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "settings.toml"
    restore(await a_backup(state, "mine"), SettingsFile(file), None, replace=False)
    (state / PENDING).write_bytes(b"cut off")
    with pytest.raises(RestoreUnfinished):
        await marks(state, file)


async def test_a_database_of_before_an_upgrade_is_put_back_alone(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "settings.toml"
    restore(await a_backup(state, "new"), SettingsFile(file), None, replace=False)
    old = (await a_backup(tmp_path / "other", "old")).store
    restore_store(old, SettingsFile(file))
    assert await marks(state, file) == {"new", "old"}
    with pytest.raises(BackupUnusable):
        restore_store(b"SQLite format 3\0", SettingsFile(file))
