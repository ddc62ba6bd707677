"""The one way in which tests wait for what is sure to come."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, overload

from tests.support.idle_time import IdleLoop

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds: time enough for a machine that has much else to do. It bounds waits alone, and is no sign of anything."""

FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.02
"""Seconds between looks: most of what is waited for is there at once, and the rest is not in a hurry."""


@asynccontextmanager
async def patience() -> AsyncIterator[asyncio.Timeout]:
    """Raise TimeoutError after `PATIENCE`, not counting the time that other programs took of the processor."""
    loop, end = asyncio.get_running_loop(), _seconds_had() + PATIENCE
    alarm: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal alarm
        left = end - _seconds_had()
        if left > 0:
            alarm = loop.call_later(left, look)
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        look()
        try:
            yield limit
        finally:
            if alarm is not None:
                alarm.cancel()


def _seconds_had() -> float:
    """Return how long this process has been at work, or its loop had nothing to do."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, IdleLoop):  # the test has made its own
        return time.monotonic()
    return time.process_time() + loop.idle.idle_seconds


@overload
async def eventually(
    condition: Callable[[], Awaitable[T | None]],
    otherwise: Callable[[], object] | None = None,
    *,
    between: Callable[[], Awaitable[object]] | None = None,
) -> T: ...


@overload
async def eventually(
    condition: Callable[[], T | None],
    otherwise: Callable[[], object] | None = None,
    *,
    between: Callable[[], Awaitable[object]] | None = None,
) -> T: ...


async def eventually(
    condition: Callable[[], Any],
    otherwise: Callable[[], object] | None = None,
    *,
    between: Callable[[], Awaitable[object]] | None = None,
) -> Any:
    """Look at `condition` until it is true, or returns something that is, and return that.

    What is waited for is on the other side of a socket, in a process or on a disk, where nothing rings a bell.
    `between` is done between two looks, as moving a clock. After `PATIENCE` the error says what was waited for, and
    what `otherwise` finds instead.
    """
    __tracebackhide__ = True
    pause = FIRST_PAUSE
    limit: asyncio.Timeout | None = None
    try:
        async with patience() as limit:
            while True:
                found = condition()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                if between is not None:
                    await between()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
    except TimeoutError:
        if limit is None or not limit.expired():
            raise
    instead = "" if otherwise is None else f": {otherwise()}"
    raise AssertionError(f"in {PATIENCE:.0f} s it has not come to {_words_of(condition)}{instead}")


def _words_of(condition: Callable[[], Any]) -> str:
    """Return the lines of the source in which it is written, or its name."""
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
