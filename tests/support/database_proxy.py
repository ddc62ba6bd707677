"""What lies between a node and the database, and may be cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from enum import Enum
from pathlib import Path


class Way(Enum):
    """A direction of what is passed on."""

    THERE = "to the database"
    BACK = "to the node"


class DatabaseProxy:
    """Passes bytes on in both directions, `delay` seconds late.

    While it is cut, in one or both, they are lost, or late if it keeps them; nobody is told. A connection that has lost
    some passes on nothing more in that direction, as no network delivers what comes after a gap. While it refuses,
    there is no connection, and everybody is told.
    """

    def __init__(self, server: Path) -> None:
        self._server = server
        self._whole = asyncio.Event()
        self._keeps = False
        self._refuses = False
        self._cut: tuple[Way, ...] = ()
        self._connections: set[asyncio.Task[None]] = set()
        self.delay = 0.0
        self.mend()

    @property
    def is_cut(self) -> bool:
        return not self._whole.is_set()

    def cut(self, *ways: Way, keeps: bool = False) -> None:
        self._keeps = keeps
        self._cut = ways or (Way.THERE, Way.BACK)
        self._whole.clear()

    def refuse(self) -> None:
        self._refuses = True
        self.drop()

    def mend(self) -> None:
        self._refuses = False
        self.delay = 0.0
        self._whole.set()

    def drop(self) -> None:
        """End all connections."""
        for task in self._connections:
            task.cancel()

    @contextlib.asynccontextmanager
    async def running(self, directory: Path) -> AsyncIterator[str]:
        """Run it; returns what to give as the host to libpq."""
        async with await asyncio.start_unix_server(self._accept, directory / ".s.PGSQL.5432"):
            yield str(directory)
            self.refuse()
            await asyncio.sleep(0)  # what was just accepted is refused
            while self._connections:
                await asyncio.wait(self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                there, out = await asyncio.open_unix_connection(self._server / ".s.PGSQL.5432")
                await self._attend((reader, out), (there, writer))
        finally:
            writer.close()
            self._connections.discard(task)

    async def _attend(self, *pairs: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Pass on until one side ends; then end the other, as a connection has but one end."""
        create = asyncio.get_running_loop().create_task
        tasks = [create(self._pass_on(way, *pair)) for way, pair in zip(Way, pairs, strict=True)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task, (_, target) in zip(tasks, pairs, strict=True):
                task.cancel()
                target.close()  # first, because this may be cancelled again
            await asyncio.wait(tasks)

    async def _pass_on(self, way: Way, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        has_lost = False
        with contextlib.suppress(ConnectionError):
            while data := await source.read(1 << 16):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.is_cut and way in self._cut and self._keeps:
                    await self._whole.wait()
                has_lost = has_lost or (self.is_cut and way in self._cut)
                if not has_lost:
                    target.write(data)
