"""The HTTP client of the commands, which reports what it waits for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from engine.api.client import PATIENCE, ApiClient
from engine.cli.output import remark


class CommandClient(ApiClient):
    """Client of an engine, or of this process itself if it `is_alone`; reports long waits on standard error."""

    def __init__(self, socket: Path, *, is_alone: bool = False) -> None:
        super().__init__(socket, self._tell)
        self.is_alone = is_alone

    def _tell(self) -> None:
        longest = f"{PATIENCE:.0f} s at most (Ctrl+C ends the command)"
        remark(f"Waiting for an answer from the engine at {self.socket}, {longest}")


SILENCE = 3.0
"""Seconds of silence after which the reason for waiting is reported, and again after each doubling."""


@asynccontextmanager
async def reporting_wait(what: Callable[[], str]) -> AsyncIterator[None]:
    """Context manager that reports on standard error, at growing intervals, what is being waited for."""
    task = asyncio.get_running_loop().create_task(_say(what))
    try:
        yield
    finally:
        task.cancel()


async def _say(what: Callable[[], str]) -> None:
    pause, waited = SILENCE, 0.0
    while True:
        await asyncio.sleep(pause)
        waited += pause
        remark(f"{what()} ({waited:.0f} s so far; Ctrl+C ends the command)")
        pause *= 2
