"""What all HTTP simulators do: number connections, let an answer wait, and break it off."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from weakref import WeakKeyDictionary

from aiohttp import web

from engine.simulator.faults import Cut, Delay, Effect, Hold


class ConnectionNumbers:
    """Numbers the TCP connections of a server from 1."""

    def __init__(self) -> None:
        self._known = WeakKeyDictionary[asyncio.Transport, int]()
        self._numbers = count(1)

    def of(self, transport: asyncio.Transport | None) -> int:
        """Return the number of the connection, 0 if it ended before its request was read."""
        if transport is None:
            return 0
        if transport not in self._known:
            self._known[transport] = next(self._numbers)
        return self._known[transport]


def dated(ahead: Callable[[], timedelta]) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return a signal handler that dates every answer by a clock which is that far `ahead` of the machine's."""

    async def date(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = format_datetime(datetime.now(UTC) + ahead(), usegmt=True)

    return date


async def wait(effects: Sequence[Effect]) -> None:
    """Wait for as long as the effects demand before anything is answered."""
    for effect in effects:
        if isinstance(effect, Delay):
            await asyncio.sleep(effect.seconds)
        elif isinstance(effect, Hold):
            effect.reached.set()
            await effect.release.wait()


async def cut_off(raw: web.Request, response: web.Response, cut: Cut) -> web.StreamResponse:
    """Send the beginning of the answer, or nothing, and abort the connection."""
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    body = bytes(response.body) if isinstance(response.body, bytes) else b""
    if cut.after:
        partial.content_length = len(body)
        await partial.prepare(raw)
        await partial.write(body[: cut.after])
    if raw.transport is not None:
        raw.transport.close()
    return partial
