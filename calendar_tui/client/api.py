"""The engine's local API as typed requests; engine.api.schema has the words."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from calendar_tui.client.failures import AnswerNotUnderstood, EngineUnreachable, RequestRefused
from calendar_tui.client.http import asking
from calendar_tui.client.server_events import EventParser, ServerEvent
from engine.api.schema import Problem

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for an answer to arrive completely."""

SILENCE = 45.0
"""Seconds without a sign of life after which the events have ended; the engine gives one every 15 seconds."""


class Api:
    """Asks the engine that listens on `socket`. Every method raises a `ClientFailure`."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    async def get(self, path: str, kind: type[T]) -> T:
        """Return what is at `path`."""
        return await self._ask("GET", path, kind)

    async def post(self, path: str, kind: type[T], body: msgspec.Struct | None = None) -> T:
        """Have something done, and return the answer."""
        return await self._ask("POST", path, kind, msgspec.json.encode(body) if body is not None else b"")

    async def put(self, path: str, kind: type[T], body: msgspec.Struct) -> T:
        """Replace what is at `path`, and return the answer."""
        return await self._ask("PUT", path, kind, msgspec.json.encode(body))

    async def patch(self, path: str, kind: type[T], body: msgspec.Struct, etag: str) -> T:
        """Change what is at `path` if it is still what `etag` stands for, and return the answer."""
        return await self._ask("PATCH", path, kind, msgspec.json.encode(body), {"If-Match": etag})

    async def data(self, path: str, head: Mapping[str, str] | None = None) -> bytes:
        """Return what is at `path` as it is."""
        return await self._fetch("GET", path, head or {})

    async def delete(self, path: str, kind: type[T]) -> T:
        """Call something off, and return the answer."""
        return await self._ask("DELETE", path, kind)

    async def events(self, last_event_id: str, topics: str = "") -> AsyncIterator[ServerEvent]:
        """Yield every event from `last_event_id` on, a snapshot first where that is not known any more.

        `topics` are divided by commas, the usual ones if not given. The stream ends with a `ClientFailure`.
        """
        head = {"Last-Event-ID": last_event_id} if last_event_id else {}
        parser = EventParser()
        path = f"/v1/events?topics={topics}" if topics else "/v1/events"
        async with asking(self.socket, "GET", path, head=head) as answer:
            if answer.status >= 400:
                raise _refusal(await answer.read(), answer.status)
            while True:
                try:
                    async with asyncio.timeout(SILENCE):
                        part = await anext(answer.body, b"")
                except TimeoutError as error:
                    raise EngineUnreachable(f"{self.socket}: no sign of life for {SILENCE:.0f} seconds") from error
                if not part:
                    raise EngineUnreachable(f"{self.socket}: the engine ended the events")
                for event in parser.feed(part):
                    yield event

    async def _ask(
        self, method: str, path: str, kind: type[T], body: bytes = b"", head: Mapping[str, str] | None = None
    ) -> T:
        typed = {"Content-Type": "application/json"} if body else {}
        return understood(await self._fetch(method, path, {**typed, **(head or {})}, body), kind, path)

    async def _fetch(self, method: str, path: str, head: Mapping[str, str], body: bytes = b"") -> bytes:
        try:
            async with asyncio.timeout(PATIENCE), asking(self.socket, method, path, head=head, body=body) as answer:
                data = await answer.read()
        except TimeoutError as error:
            raise EngineUnreachable(f"{self.socket}: no answer within {PATIENCE:.0f} seconds") from error
        if answer.status >= 400:
            raise _refusal(data, answer.status)
        return data


def understood(data: bytes, kind: type[T], what: str) -> T:
    """Return JSON as the type it should be. Raises `AnswerNotUnderstood`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AnswerNotUnderstood(f"{what}: {error}") from error


def with_query(path: str, question: msgspec.Struct) -> str:
    """Return `path` with a question behind it; what is not set is not asked."""
    fields = {name: value for name, value in msgspec.structs.asdict(question).items() if value not in (None, "")}
    return f"{path}?{urlencode(fields)}" if fields else path


def segment(text: str) -> str:
    """Return `text` as one segment of a path."""
    return quote(text, safe="")


def _refusal(body: bytes, status: int) -> RequestRefused:
    try:
        problem = understood(body, Problem, "problem")
    except AnswerNotUnderstood:
        return RequestRefused(f"HTTP status {status}", "", status)
    detail = ". ".join(part.rstrip(".") for part in (problem.title, problem.detail) if part)
    return RequestRefused(detail, problem.hint, status)
