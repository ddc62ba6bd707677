"""Event stream to one listener: a snapshot or the missed events first, then live events."""

import asyncio
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from typing import get_args

import msgspec
from aiohttp import web

from engine.api.schema import FieldProblem, Problem, Topic
from engine.server.acceptor import KEPT_OPEN, REQUEST_TIME
from engine.server.event_log import ConsumerLagged
from engine.server.http import ApiError
from engine.server.state import ApiState

MOST_LISTENERS = 100
HEARTBEAT = 15.0
"""Seconds after which a silent stream sends a heartbeat."""

STALLED = 30.0
"""Seconds after which a listener that reads nothing is disconnected."""

ROWS_AT_A_TIME = 500
"""Rows of a snapshot encoded at a time."""

TOPICS: frozenset[Topic] = frozenset(get_args(Topic))

USUAL: frozenset[Topic] = TOPICS - {"log"}
"""Topics sent by default; the thousands of debug log entries only on request."""


def topics_named(text: str) -> Set[Topic]:
    """Return the topics in `text`, separated by commas; the default ones if it is empty."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(names - TOPICS)
    if unknown:
        field = FieldProblem(pointer="?topics", detail=f"Unknown topic: {', '.join(unknown)}")
        raise ApiError(
            Problem(
                type="invalid-query",
                title="The query is invalid",
                status=400,
                detail=field.detail,
                hint=f"The topics are {', '.join(sorted(TOPICS))}.",
                fields=(field,),
            )
        )
    return {topic for topic in TOPICS if topic in names} or USUAL


@dataclass(frozen=True, slots=True)
class StreamTimeouts:
    """Timeouts in seconds: silence before a heartbeat, a client not reading, no first request, and idle after a
    response."""

    heartbeat: float = HEARTBEAT
    stalled: float = STALLED
    request: float = REQUEST_TIME
    kept_open: float = KEPT_OPEN


class EventStream:
    """Sends events to one listener until it disconnects, falls behind or the engine stops."""

    def __init__(self, api_state: ApiState, topics: Set[Topic], patience: StreamTimeouts) -> None:
        self._api_state = api_state
        self._topics = topics
        self._patience = patience
        self._sending: asyncio.Timeout | None = None
        self._response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
        )

    async def run(self, request: web.Request) -> web.StreamResponse:
        """Answer `request`; the header Last-Event-ID gives the listener's position."""
        if self._api_state.events.listeners >= MOST_LISTENERS:
            raise ApiError(
                Problem(
                    type="too-many-listeners",
                    title="Too many event streams are open",
                    status=503,
                    hint="Close one, or try again later.",
                )
            )
        with self._api_state.events.attended(self._leave):
            try:
                await self._response.prepare(request)
                await self._send_all(request.headers.get("Last-Event-ID", ""))
            except (ConsumerLagged, TimeoutError):
                self._api_state.counters.listeners_cut_off += 1
                if request.transport is not None:
                    request.transport.abort()
            except ConnectionError:
                pass  # the listener has left
        return self._response

    def _leave(self) -> None:
        """Disconnect a listener that reads nothing."""
        if self._sending is not None and not self._sending.expired():
            self._sending.reschedule(asyncio.get_running_loop().time())

    async def _send_all(self, last_event_id: str) -> None:
        events, loop = self._api_state.events, asyncio.get_running_loop()
        place = events.place(last_event_id)
        if place is None:
            await self._api_state.rows.catch_up()
            place = events.last
            await self._send_snapshot(place)
        silent_since = loop.time()
        while not events.is_closed:
            missed, place = events.after(place, self._topics)
            if not missed and loop.time() >= silent_since + self._patience.heartbeat:
                missed = b": still here\n\n"
            if missed:
                await self._send(missed)
                silent_since = loop.time()
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(silent_since + self._patience.heartbeat):
                        await events.news()

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._patience.stalled) as self._sending:
                await self._response.write(data)
        finally:
            self._sending = None

    async def _send_snapshot(self, place: int) -> None:
        """Send the snapshot in chunks without buffering them; later changes follow as events."""
        api_state, encode = self._api_state, msgspec.json.encode
        status = api_state.status() if "status" in self._topics else None
        operations = api_state.operations.all() if "operations" in self._topics else None
        start = b'{"boot":%s,"status":%s,"operations":%s,"users":' % tuple(
            map(encode, (api_state.events.boot, status, operations))
        )
        start = api_state.events.heading("snapshot", place) + start
        if "users" not in self._topics:
            await self._send(start + b"null}\n\n")
            return
        rows = api_state.rows.all()
        await self._send(start + b"[")
        for first in range(0, len(rows), ROWS_AT_A_TIME):
            portion = encode(rows[first : first + ROWS_AT_A_TIME])[1:-1]
            await self._send(b"," + portion if first else portion)
            await asyncio.sleep(0)
        await self._send(b"]}\n\n")
