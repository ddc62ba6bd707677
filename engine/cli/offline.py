"""Commands that work with or without a running engine; without one, this process serves the same API itself."""

import argparse
import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from engine.api.client import reachable_socket
from engine.api.errors import EngineUnreachable
from engine.api.paths import SOCKET, usual_sockets
from engine.cli.client import CommandClient
from engine.daemon.daemon import open_daemon
from engine.daemon.log_handler import start_logging
from engine.daemon.loop import run_loop
from engine.daemon.paths import settings_path
from engine.daemon.temporary_directory import scratch_directory
from engine.server.app import ApiServer
from engine.server.sockets import open_sockets
from engine.supervisor.settings_file import SettingsFile


def run_beside(
    options: argparse.Namespace, work: Callable[[CommandClient], Awaitable[int]], *, changes: bool, with_state: bool
) -> int:
    """Do `work` with a running engine, or else on the files, and return its exit status. Raises a `Failure`.

    Without `changes`, the read-only socket is sufficient. Without `with_state`, only the settings file is needed;
    neither the state directory nor secrets are read, unless the settings are in a database that engines share.
    """
    start_logging(logging.ERROR)
    return run_loop(_run(options, work, changes=changes, with_state=with_state))


async def _run(
    options: argparse.Namespace, work: Callable[[CommandClient], Awaitable[int]], *, changes: bool, with_state: bool
) -> int:
    path = _running(options, changes=changes)
    if path is not None:
        client = CommandClient(path)
        return await work(client)
    settings = options.settings or settings_path()
    with_state = with_state or bool(SettingsFile(settings).cluster_settings().database)
    with scratch_directory("calendar-engine-") as directory:
        state = None if with_state else directory / "state"
        async with _answering(settings, state, directory) as client:
            return await work(client)


def _running(options: argparse.Namespace, *, changes: bool) -> Path | None:
    if options.settings is not None:
        return None
    try:
        paths = (options.socket,) if options.socket else usual_sockets()
        return reachable_socket(paths, "change" if changes else "ask")
    except EngineUnreachable:
        if options.socket is not None:
            raise
        return None


@asynccontextmanager
async def _answering(settings: Path, state: Path | None, directory: Path) -> AsyncIterator[CommandClient]:
    """Context manager that serves the API in this process, without starting an engine."""
    async with open_daemon(settings, None, state_dir=state) as daemon:
        with open_sockets(directory / SOCKET, None, {}) as sockets:
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(
                    ApiServer(daemon.api_state, sockets, daemon.service.keep, more=daemon.parts).serve()
                )
                try:
                    client = CommandClient(sockets.main, is_alone=True)
                    yield client
                finally:
                    serving.cancel()
