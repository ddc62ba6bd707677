"""Runs an engine together with its API."""

import asyncio
from collections.abc import Awaitable, Callable

from engine.api.server import ApiServer
from engine.sync.engine import Engine


async def run_served(engine: Engine, api: ApiServer, *beside: Callable[[], Awaitable[None]]) -> None:
    """Run until cancelled, with what else runs for ever. Raises what ends the engine, in an exception group."""

    async def run(work: Callable[[], Awaitable[None]]) -> None:
        await work()

    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        group.create_task(api.serve())
        for work in beside:
            group.create_task(run(work))
