"""Runs an engine together with its API."""

import asyncio

from engine.api.server import ApiServer
from engine.sync.engine import Engine


async def run_served(engine: Engine, api: ApiServer) -> None:
    """Run until cancelled. Raises what ends the engine, in an exception group."""
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        group.create_task(api.serve())
