"""A running daemon: its service, its debug log, and its API on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from engine.daemon.daemon import Daemon
from engine.server.app import ApiServer
from engine.server.event_stream import StreamTimeouts
from engine.server.sockets import open_sockets


async def once(_: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a part without restarting it after an internal error."""
    await run()


@asynccontextmanager
async def serving(site: Daemon, socket: Path, patience: StreamTimeouts | None = None) -> AsyncIterator[None]:
    """Context manager that serves `site` at `socket`."""
    exchanges = site.installation.debug_log
    async with exchanges.opened():
        with open_sockets(socket, None, {}) as sockets:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(site.service.run()),
                    group.create_task(site.service.keep("the debug log", exchanges.capture.run)),
                    group.create_task(site.service.keep("putting back presences", site.put_back_later.run)),
                    group.create_task(
                        ApiServer(site.api_state, sockets, site.service.keep, patience, site.parts).serve()
                    ),
                ]
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()
