"""Says what a command waits for, so that nobody sits in front of a silent one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from engine.cli.output import remark

SILENCE = 3.0
"""Seconds without a word after which it is said what is waited for, and again after each doubling of it."""


@asynccontextmanager
async def saying(what: Callable[[], str]) -> AsyncIterator[None]:
    """Tell on standard error what is waited for, as long as the context lasts and nothing else is said."""
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
