"""What lies between a node and the database, and may be cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path


class DatabaseProxy:
    """Passes bytes on in both directions. While it is cut, they are lost, or late if it keeps them; nobody is told.
    While it refuses, there is no connection, and everybody is told."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._whole = asyncio.Event()
        self._keeps = False
        self._refuses = False
        self._connections = set[asyncio.Task[None] | None]()
        self.mend()

    @property
    def is_cut(self) -> bool:
        return not self._whole.is_set()

    def cut(self, *, keeps: bool = False) -> None:
        self._keeps = keeps
        self._whole.clear()

    def refuse(self) -> None:
        self._refuses = True
        for each in self._connections:
            if each is not None:
                each.cancel()

    def mend(self) -> None:
        self._refuses = False
        self._whole.set()

    @contextlib.asynccontextmanager
    async def running(self, directory: Path) -> AsyncIterator[str]:
        """Run it; returns what to give as the host to libpq."""
        async with await asyncio.start_unix_server(self._accept, directory / ".s.PGSQL.5432"):
            yield str(directory)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.close()
            return
        task = asyncio.current_task()
        self._connections.add(task)
        there, out = await asyncio.open_unix_connection(self._server / ".s.PGSQL.5432")
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            async with asyncio.TaskGroup() as group:
                for source, target in ((reader, out), (there, writer)):
                    group.create_task(self._pass_on(source, target))
        self._connections.discard(task)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(1 << 16):
                if self.is_cut and self._keeps:
                    await self._whole.wait()
                if not self.is_cut:
                    target.write(data)
        finally:
            target.close()
