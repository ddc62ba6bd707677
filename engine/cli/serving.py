"""Runs an engine together with its API."""

import asyncio
from typing import Protocol

from engine.api.server import ApiServer


class Running(Protocol):
    """An engine, or a service that keeps one running."""

    async def run(self) -> None:
        """Work until cancelled."""
        ...


async def run_served(engine: Running, api: ApiServer) -> None:
    """Run until cancelled. Raises what ends the engine, in an exception group."""
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        group.create_task(api.serve())
