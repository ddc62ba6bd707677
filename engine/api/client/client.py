"""The engine's local API as typed requests; engine.api.schema has the words."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from engine.api.client.failures import AnswerNotUnderstood, EngineUnreachable, RequestRefused, SocketForbidden
from engine.api.client.http import Answer, asking
from engine.api.client.server_events import EventParser, ServerEvent
from engine.api.schema import FieldProblem, Problem

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for an answer to arrive completely, and for events to begin."""

UNANSWERED = 3.0
"""Seconds without an answer after which whoever asks is told."""

SILENCE = 45.0
"""Seconds without a sign of life after which the events have ended; the engine gives one every 15 seconds."""

FORBIDDEN, NOT_FOUND = 403, 404


class ApiClient:
    """Asks the engine that listens on `socket`, on a connection for each request. Every method raises a
    `ClientFailure`.

    `unanswered` is called where an answer takes long.
    """

    def __init__(self, socket: Path, unanswered: Callable[[], None] | None = None) -> None:
        self.socket = socket
        self._unanswered = unanswered

    async def get(self, path: str, kind: type[T], question: msgspec.Struct | None = None) -> T:
        """Return what is at `path`."""
        return understood(await self.read(path, question), kind, path)

    async def find(self, path: str, kind: type[T]) -> T | None:
        """Return what is at `path`, None where there is nothing."""
        try:
            return await self.get(path, kind)
        except RequestRefused as refusal:
            if refusal.status != NOT_FOUND:
                raise
            return None

    async def read(
        self, path: str, question: msgspec.Struct | None = None, head: Mapping[str, str] | None = None
    ) -> bytes:
        """Return what is at `path` as it is."""
        return await self._fetch("GET", with_query(path, question) if question else path, head or {})

    async def post(self, path: str, kind: type[T], body: msgspec.Struct | None = None) -> T:
        """Have something done, and return the answer."""
        return await self._change("POST", path, kind, body)

    async def put(self, path: str, kind: type[T], body: msgspec.Struct) -> T:
        """Replace what is at `path`, and return the answer."""
        return await self._change("PUT", path, kind, body)

    async def patch(self, path: str, kind: type[T], body: msgspec.Struct, etag: str = "") -> T:
        """Change what is at `path`, if it is still what `etag` stands for where one is given, and return the answer."""
        return await self._change("PATCH", path, kind, body, {"If-Match": etag} if etag else {})

    async def delete(self, path: str, kind: type[T]) -> T:
        """Call something off, and return the answer."""
        return await self._change("DELETE", path, kind)

    async def events(self, topics: str = "", last_event_id: str = "") -> AsyncIterator[ServerEvent]:
        """Yield every event from `last_event_id` on, a snapshot first where that is not known any more.

        `topics` are divided by commas, the usual ones if not given. The stream ends with a `ClientFailure`.
        """
        path = f"/v1/events?{urlencode({'topics': topics})}" if topics else "/v1/events"
        head = {"Last-Event-ID": last_event_id} if last_event_id else {}
        parser = EventParser()
        async with self._asking("GET", path, head) as (answer, patience):
            patience.reschedule(None)
            while True:
                try:
                    async with asyncio.timeout(SILENCE):
                        part = await anext(answer.body, b"")
                except TimeoutError as error:
                    raise EngineUnreachable(f"{self.socket}: no sign of life for {SILENCE:.0f} seconds") from error
                if not part:
                    raise EngineUnreachable(
                        f"{self.socket}: the engine ended the events; it stops, or this listener was too slow"
                    )
                for event in parser.feed(part):
                    yield event

    async def _change(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: msgspec.Struct | None = None,
        head: Mapping[str, str] | None = None,
    ) -> T:
        data = b"" if body is None else msgspec.json.encode(body)
        typed = {"Content-Type": "application/json"} if data else {}
        return understood(await self._fetch(method, path, {**typed, **(head or {})}, data), kind, path)

    async def _fetch(self, method: str, path: str, head: Mapping[str, str], body: bytes = b"") -> bytes:
        async with self._asking(method, path, head, body) as (answer, _):
            return await answer.read()

    @asynccontextmanager
    async def _asking(
        self, method: str, path: str, head: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[tuple[Answer, asyncio.Timeout]]:
        """Give an answer that is no refusal, and the timeout that its reader is under."""
        loop = asyncio.get_running_loop()
        waiting = loop.call_later(UNANSWERED, self._unanswered) if self._unanswered else None
        try:
            async with (
                asyncio.timeout(PATIENCE) as patience,
                asking(self.socket, method, path, head=head, body=body) as answer,
            ):
                if waiting is not None:
                    waiting.cancel()
                if answer.status >= 400:
                    raise _refusal(await answer.read(), answer.status)
                yield answer, patience
        except TimeoutError as error:
            raise EngineUnreachable(f"{self.socket}: no answer within {PATIENCE:.0f} s") from error
        finally:
            if waiting is not None:
                waiting.cancel()


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


def _refusal(body: bytes, status: int) -> RequestRefused | SocketForbidden:
    try:
        problem = understood(body, Problem, "problem")
    except AnswerNotUnderstood:
        problem = Problem(type="", title=f"HTTP status {status}", status=status)
    if problem.status == FORBIDDEN:
        return SocketForbidden(problem.title)
    detail = ". ".join(part.rstrip(".") for part in (problem.title, problem.detail) if part)
    parts = tuple(_written(problem, field) for field in problem.fields)
    return RequestRefused(detail, status=problem.status, hint=problem.hint, parts=parts)


def _written(problem: Problem, field: FieldProblem) -> str:
    """Say which part does not fit, where only the API knows its limits."""
    if problem.type not in ("invalid-body", "invalid-query"):
        return field.detail
    return f"{field.pointer.lstrip('/?')}: {field.detail}"
