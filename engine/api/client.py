"""The client of the engine's local API: httpx over a Unix socket, typed by engine.api.schema."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from engine.api.errors import AnswerNotUnderstood, EngineUnreachable, RequestRefused, SocketForbidden
from engine.api.event_parser import EventParser, ServerEvent
from engine.api.paths import read_only_twin
from engine.api.schema import FieldProblem, Problem

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for a response to arrive completely, and for events to start."""

UNANSWERED = 3.0
"""Seconds without a response after which the user is notified."""

SILENCE = 45.0
"""Seconds without a sign of life after which the events have ended; the engine gives one every 15 seconds."""

LARGEST_ANSWER = 512 * 1024 * 1024
"""Maximum bytes of a response. An export has up to 64 MiB of bodies, and JSON writes a byte in up to six."""

FORBIDDEN, NOT_FOUND = 403, 404


class ApiClient:
    """Client of the engine that listens on `socket`, with a connection for each request. Every method raises a
    `ClientFailure`.

    `unanswered` is called when a response takes long.
    """

    def __init__(self, socket: Path, unanswered: Callable[[], None] | None = None) -> None:
        # Here, since httpx takes long to load: the terminal program draws before it has a client.
        from engine.api.transport import http_client

        self.socket = socket
        self._unanswered = unanswered
        self._http = http_client(socket)

    async def get(self, path: str, kind: type[T], question: msgspec.Struct | None = None) -> T:
        """Return the resource at `path`."""
        return decoded(await self.read(path, question), kind, path)

    async def find(self, path: str, kind: type[T]) -> T | None:
        """Return the resource at `path`, None if it does not exist."""
        try:
            return await self.get(path, kind)
        except RequestRefused as refusal:
            if refusal.status != NOT_FOUND:
                raise
            return None

    async def read(
        self, path: str, question: msgspec.Struct | None = None, head: Mapping[str, str] | None = None
    ) -> bytes:
        """Return the resource at `path` as raw bytes."""
        return await self._fetch("GET", with_query(path, question) if question else path, head or {})

    async def post(self, path: str, kind: type[T], body: msgspec.Struct | None = None) -> T:
        """Send a request, and return the response."""
        return await self._change("POST", path, kind, body)

    async def send(self, path: str, body: msgspec.Struct) -> bytes:
        """Send a request, and return the response as raw bytes."""
        return await self._fetch("POST", path, {"Content-Type": "application/json"}, msgspec.json.encode(body))

    async def put(self, path: str, kind: type[T], body: msgspec.Struct) -> T:
        """Replace the resource at `path`, and return the answer."""
        return await self._change("PUT", path, kind, body)

    async def patch(self, path: str, kind: type[T], body: msgspec.Struct, etag: str = "") -> T:
        """Change the resource at `path`, if it still has the `etag` given, and return the answer."""
        return await self._change("PATCH", path, kind, body, {"If-Match": etag} if etag else {})

    async def delete(self, path: str, kind: type[T]) -> T:
        """Delete or cancel the resource at `path`, and return the answer."""
        return await self._change("DELETE", path, kind)

    async def events(self, topics: str = "", last_event_id: str = "") -> AsyncIterator[ServerEvent]:
        """Yield every event from `last_event_id` on, a snapshot first if that id is no longer known.

        `topics` are separated by commas, the default ones if not given. The stream ends with a `ClientFailure`.
        """
        path = f"/v1/events?{urlencode({'topics': topics})}" if topics else "/v1/events"
        head = {"Last-Event-ID": last_event_id} if last_event_id else {}
        parser = EventParser()
        async with self._asking("GET", path, head) as (parts, patience):
            patience.reschedule(None)
            while True:
                try:
                    async with asyncio.timeout(SILENCE):
                        part = await anext(parts, b"")
                except TimeoutError as error:
                    raise EngineUnreachable(f"{self.socket}: no data for {SILENCE:.0f} seconds") from error
                if not part:
                    raise EngineUnreachable(
                        f"{self.socket}: the engine closed the event stream: it stops, or this client is too slow"
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
        return decoded(await self._fetch(method, path, {**typed, **(head or {})}, data), kind, path)

    async def _fetch(self, method: str, path: str, head: Mapping[str, str], body: bytes = b"") -> bytes:
        async with self._asking(method, path, head, body) as (parts, _):
            return await _whole(parts, path)

    @asynccontextmanager
    async def _asking(
        self, method: str, path: str, head: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[tuple[AsyncIterator[bytes], asyncio.Timeout]]:
        """Context manager of a request: the body of the response, unless that is a refusal, as it arrives, and the
        timeout for reading it."""
        loop = asyncio.get_running_loop()
        waiting = loop.call_later(UNANSWERED, self._unanswered) if self._unanswered else None
        try:
            async with (
                asyncio.timeout(PATIENCE) as patience,
                self._http.stream(
                    method, "/", content=body, headers=head, extensions={"target": path.encode("ascii")}
                ) as answer,
            ):
                if waiting is not None:
                    waiting.cancel()
                parts = answer.aiter_raw()
                if answer.status_code >= 400:
                    raise _refusal(await _whole(parts, path), answer.status_code)
                yield parts, patience
        except TimeoutError as error:
            raise EngineUnreachable(f"{self.socket}: no answer within {PATIENCE:.0f} s") from error
        finally:
            if waiting is not None:
                waiting.cancel()


async def _whole(parts: AsyncIterator[bytes], what: str) -> bytes:
    """Return the whole body of a response. Raises `AnswerNotUnderstood` if it is too large."""
    whole = bytearray()
    async for part in parts:
        whole += part
        if len(whole) > LARGEST_ANSWER:
            raise AnswerNotUnderstood(f"{what}: more than {LARGEST_ANSWER} bytes")
    return bytes(whole)


def decoded(data: bytes, kind: type[T], what: str) -> T:
    """Decode JSON to the expected type. Raises `AnswerNotUnderstood`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AnswerNotUnderstood(f"{what}: {error}") from error


def with_query(path: str, question: msgspec.Struct) -> str:
    """Return `path` with a query string; fields that are not set are left out."""
    fields = {name: value for name, value in msgspec.structs.asdict(question).items() if value not in (None, "")}
    return f"{path}?{urlencode(fields)}" if fields else path


def quoted_segment(text: str) -> str:
    """Return `text` quoted as one segment of a path."""
    return quote(text, safe="")


def _refusal(body: bytes, status: int) -> RequestRefused | SocketForbidden:
    try:
        problem = decoded(body, Problem, "problem")
    except AnswerNotUnderstood:
        problem = Problem(type="", title=f"HTTP status {status}", status=status)
    if problem.status == FORBIDDEN:
        return SocketForbidden(problem.title)
    detail = ". ".join(part.rstrip(".") for part in (problem.title, problem.detail) if part)
    parts = tuple(_written(problem, field) for field in problem.fields)
    return RequestRefused(detail, status=problem.status, hint=problem.hint, parts=parts)


def _written(problem: Problem, field: FieldProblem) -> str:
    """Return in words which part of a request is invalid, if only the API knows its limits."""
    if problem.type not in ("invalid-body", "invalid-query"):
        return field.detail
    return f"{field.pointer.lstrip('/?')}: {field.detail}"


Use = Literal["change", "ask", "read"]
"""The purpose of a connection: changes; queries over either socket; or queries, read-only if possible."""


def reachable_socket(paths: Iterable[Path], use: Use) -> Path:
    """Return the first of `paths`, or of their read-only counterparts, that a process listens on.

    For changes only the first of each pair is used; for reading, its counterpart is preferred. Raises
    `SocketForbidden` if one exists that this account may not use, else `EngineUnreachable`.
    """
    silent: list[str] = []
    closed: list[str] = []
    for each in (each for path in paths for each in _in_order(path, use)):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.setblocking(False)  # a full backlog must not block
            try:
                knocking.connect(str(each))
            except PermissionError:
                closed.append(str(each))
            except BlockingIOError:  # a process is listening, but its backlog is full
                return each
            except OSError:
                silent.append(str(each))
            else:
                return each
    if closed:
        raise SocketForbidden(", ".join(closed))
    raise EngineUnreachable(f"nothing is listening on {', '.join(silent)}")


def _in_order(path: Path, use: Use) -> tuple[Path, ...]:
    twin = read_only_twin(path)
    return {"change": (path,), "ask": (path, twin), "read": (twin, path)}[use]
