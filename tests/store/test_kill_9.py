"""kill -9 while the audit log is written loses nothing that was acknowledged."""

import asyncio
import itertools
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from engine.settings.forms import SettingDifference
from engine.store import audit, settings_history
from engine.store.audit import AuditRecord, AuditTrail
from engine.store.database import Database
from engine.store.settings_history import Author, SettingsHistory
from tests.support.killed import killed_at_work

pytestmark = [pytest.mark.process, pytest.mark.slow]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANNA = Author(uid=1000, pid=4711, user="anna")


async def write_down(database: Database, number: int) -> None:
    """Put one change into force, as the history and the audit log see it."""
    difference = SettingDifference(f"presence.key{number}", None, number)
    await SettingsHistory(database).add(NOON, ANNA, "change", (difference,), f"# {number}\n" * 100, None)
    await AuditTrail(database).add([AuditRecord(NOON, ANNA, "change_settings", str(number))])


def write_until_killed(directory: Path, tell: "Connection[int, Any]") -> None:
    async def write() -> None:
        database = Database(directory)
        await database.open()
        for number in itertools.count(1):
            await write_down(database, number)
            tell.send(number)

    asyncio.run(write())


async def test_audit_log_and_history_survive_kill_9(tmp_path: Path) -> None:
    done = await asyncio.to_thread(killed_at_work, write_until_killed, tmp_path, 100)
    database = Database(tmp_path)
    await database.open()
    try:
        assert await database.run(lambda connection: connection.execute("PRAGMA integrity_check").fetchall()) == [
            ("ok",)
        ]
        written_down = [int(each.subject) for each in await AuditTrail(database).load()]
        assert written_down[-1] >= done
        assert written_down == list(range(1, written_down[-1] + 1))[-audit.KEPT :]
        versions = await SettingsHistory(database).versions()
        newest = int(versions[0].text.split()[1])
        assert newest >= done
        assert [each.text for each in versions] == [
            f"# {number}\n" * 100 for number in range(newest, newest - settings_history.KEPT, -1)
        ]
        assert {each.author for each in versions} == {ANNA}
        await write_down(database, newest + 1)
        assert (await SettingsHistory(database).versions())[0].differences[0].after == newest + 1
        assert (await AuditTrail(database).load())[-1].subject == str(newest + 1)
    finally:
        await database.close()
