"""The next start removes the files of a killed process, and none that are in use or belong to others."""

import asyncio
import fcntl
import os
import time
from pathlib import Path

import pytest

from engine.daemon import temporary_directory
from engine.daemon.temporary_directory import scratch_directory
from engine.debuglog.store import open_to_write
from engine.store.database import Database
from engine.supervisor.settings_file import SettingsFile

LEFT = [
    ".secrets.key.0123abcd",
    ".secrets.enc.89abcdef",
    ".setup.json.new",
    ".setup.json.01234567",
    ".presence-test.json.01234567",
    ".exchange-authority.pem.01234567",
    "pbx-listen.new",
    "debuglog.sqlite.damaged",
    "debuglog.sqlite.damaged-wal",
]
KEPT = [
    "secrets.key",
    ".secrets.key.backup",
    ".secrets.key.0123abcde",
    "pbx-listen.pem",
    "pbx-authority.pem",
    "debuglog.sqlite-wal",
    "mine",
]


def opened(state: Path) -> None:
    async def open_and_close() -> None:
        database = Database(state)
        await database.open()
        await database.close()

    asyncio.run(open_and_close())


def test_leftovers_of_a_killed_engine_go_at_the_start(tmp_path: Path) -> None:
    for name in (*LEFT, *KEPT):
        (tmp_path / name).write_text("old key")
    outside = tmp_path.parent / "outside"
    outside.write_text("somebody else's")
    (tmp_path / ".secrets.key.00000000").symlink_to(outside)
    (tmp_path / ".secrets.key.11111111").mkdir()
    opened(tmp_path)
    there = {each.name for each in tmp_path.iterdir()}
    assert there >= {*KEPT, ".secrets.key.00000000", ".secrets.key.11111111"}
    assert not there & set(LEFT)
    assert outside.read_text() == "somebody else's"


def test_those_of_another_account_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / ".secrets.key.0123abcd"
    left.touch()
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(left, 4711, -1)
    opened(tmp_path)
    assert left.exists()


def test_a_damaged_debug_log_is_kept_until_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "debuglog.sqlite").write_bytes(b"no database" * 1000)
    opened(tmp_path)
    open_to_write(tmp_path / "debuglog.sqlite").close()
    assert (tmp_path / "debuglog.sqlite.damaged").exists()
    opened(tmp_path)
    assert not (tmp_path / "debuglog.sqlite.damaged").exists()


def test_a_settings_file_that_is_being_written_is_no_leftover(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "calendar-engine.toml")
    left, used = (tmp_path / f".calendar-engine.toml.{each * 8}" for each in "ab")
    left.touch()
    used.touch()
    with used.open("rb") as stream:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
        file.sweep()
    assert [each.name for each in tmp_path.iterdir()] == [used.name]
    file.write("")
    file.sweep()
    assert [each.name for each in tmp_path.iterdir()] == ["calendar-engine.toml"]


def test_directories_of_killed_commands_go_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, young, other = (tmp_path / name for name in ("calendar-engine-abcdefgh", "calendar-engine-ijklmnop", "other"))
    for each in (old, young, other):
        each.mkdir()
        (each / "engine.sock").touch()
    past = time.time() - 2 * temporary_directory.YOUNG
    for each in (old, other):
        os.utime(each, (past, past))
    with scratch_directory("calendar-engine-") as used:
        assert {each.name for each in tmp_path.iterdir()} == {used.name, young.name, other.name}
        os.utime(used, (past, past))
        with scratch_directory("calendar-engine-"):
            assert used.is_dir()
    assert not used.exists()
