"""A debug log in a directory, with entries."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.core.clock import Clock
from engine.core.http_record import HttpRecord
from engine.core.secret import Secret
from engine.debuglog.entry import EntryRow
from engine.debuglog.filter.parse import parse
from engine.debuglog.query import LogReader
from engine.debuglog.recorder import Capture
from engine.settings.model import DebugLogSettings
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PASSWORD = "Ganz-Geheim.2026"
ON = DebugLogSettings(ews=True)


@dataclass
class OpenLog:
    capture: Capture
    reader: LogReader
    clock: ManualClock

    async def take(self, *exchanges: HttpRecord) -> None:
        """Capture requests, and wait until they are written or dropped."""
        before = self._done()
        for exchange in exchanges:
            self.capture.take(exchange)
        await eventually(lambda: self._done() >= before + len(exchanges))

    async def rows(self, words: str = "", limit: int = 1000) -> tuple[EntryRow, ...]:
        return (await self.reader.rows(parse(words), self.clock.now(), limit=limit)).rows

    def _done(self) -> int:
        picture = self.capture.status()
        return picture.captured + picture.dropped


def make_capture(
    directory: Path, settings: DebugLogSettings, clock: Clock, secrets: Iterable[str] = (PASSWORD,)
) -> Capture:
    """Return a capture that is not opened yet."""
    capture = Capture(directory, clock)
    capture.add_secrets(Secret(each) for each in secrets)
    capture.apply(settings)
    return capture


@asynccontextmanager
async def open_log(
    directory: Path,
    settings: DebugLogSettings = ON,
    clock: ManualClock | None = None,
    secrets: Iterable[str] = (PASSWORD,),
) -> AsyncIterator[OpenLog]:
    clock = clock or ManualClock(NOON)
    capture = make_capture(directory, settings, clock, secrets)
    reader = LogReader(capture.path)
    await capture.open()
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(capture.run())
            yield OpenLog(capture, reader, clock)
            running.cancel()
    finally:
        await capture.close()
        await reader.close()


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()
