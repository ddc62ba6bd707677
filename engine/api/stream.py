"""One listener of the events: a snapshot or what was missed first, then everything as it happens."""

import asyncio
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from typing import get_args

import msgspec
from aiohttp import web

from engine.api.desk import Desk
from engine.api.events import FellBehind
from engine.api.problems import Refused
from engine.api.schema import FieldProblem, Operation, Problem, Status, Topic

MOST_LISTENERS = 100
HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it is still there."""

STALLED = 30.0
"""Seconds after which a listener that takes nothing is cut off."""

ROWS_AT_A_TIME = 500
"""Rows of a snapshot that are encoded in one go."""

TOPICS: frozenset[Topic] = frozenset(get_args(Topic))


def topics_named(text: str) -> Set[Topic]:
    """Return the topics that are named in `text`, divided by commas; all if it is empty."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(names - TOPICS)
    if unknown:
        field = FieldProblem(pointer="?topics", detail=f"There is no topic {', '.join(unknown)}")
        raise Refused(
            Problem(
                type="invalid-query",
                title="The query does not fit",
                status=400,
                detail=field.detail,
                hint=f"The topics are {', '.join(sorted(TOPICS))}.",
                fields=(field,),
            )
        )
    return {topic for topic in TOPICS if topic in names} or TOPICS


class _Snapshot(msgspec.Struct, frozen=True):
    """As `schema.Snapshot`, with users that are encoded already."""

    boot: str
    status: Status | None
    users: msgspec.Raw | None
    operations: tuple[Operation, ...] | None


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: of silence before a sign of life, and that a listener may take nothing."""

    heartbeat: float = HEARTBEAT
    stalled: float = STALLED


class EventStream:
    """Sends events to one listener until it leaves, falls behind or the engine stops."""

    def __init__(self, desk: Desk, topics: Set[Topic], patience: Patience) -> None:
        self._desk = desk
        self._topics = topics
        self._patience = patience
        self._sending: asyncio.Timeout | None = None
        self._response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
        )

    async def run(self, request: web.Request) -> web.StreamResponse:
        """Answer `request`; the header Last-Event-ID tells where the listener was."""
        if self._desk.events.listeners >= MOST_LISTENERS:
            raise Refused(
                Problem(
                    type="too-many-listeners",
                    title="There are too many open event streams",
                    status=503,
                    hint="Close one, or try again later.",
                )
            )
        with self._desk.events.attended(self._leave):
            try:
                await self._response.prepare(request)
                await self._send_all(request.headers.get("Last-Event-ID", ""))
            except (FellBehind, TimeoutError):
                self._desk.counters.listeners_cut_off += 1
                if request.transport is not None:
                    request.transport.abort()
            except ConnectionError:
                pass  # the listener has left
        return self._response

    def _leave(self) -> None:
        """Wait no longer for a listener that takes nothing."""
        if self._sending is not None:
            self._sending.reschedule(asyncio.get_running_loop().time())

    async def _send_all(self, last_event_id: str) -> None:
        events, loop = self._desk.events, asyncio.get_running_loop()
        place = events.place(last_event_id)
        if place is None:
            place = events.last
            await self._send(await self._snapshot(place))
        silent_since = loop.time()
        while not events.is_closed:
            missed = events.after(place, self._topics)
            place = events.last
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

    async def _snapshot(self, place: int) -> bytes:
        """Encode the snapshot in portions, between which the engine goes on; what changes meanwhile follows it."""
        desk = self._desk
        status = desk.status() if "status" in self._topics else None
        operations = desk.operations.all() if "operations" in self._topics else None
        parts: list[bytes] = []
        if "users" in self._topics:
            rows = desk.rows.all()
            for first in range(0, len(rows), ROWS_AT_A_TIME):
                parts.append(msgspec.json.encode(rows[first : first + ROWS_AT_A_TIME])[1:-1])
                await asyncio.sleep(0)
        users = msgspec.Raw(b"[" + b",".join(parts) + b"]") if "users" in self._topics else None
        return desk.events.frame("snapshot", _Snapshot(desk.events.boot, status, users, operations), place)
