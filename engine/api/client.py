"""The client of the engine's local API: HTTP/1.1 over a Unix socket, typed by engine.api.schema."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote, urlencode

import h11
import msgspec

from engine.api.errors import AnswerNotUnderstood, EngineUnreachable, RequestRefused, SocketForbidden
from engine.api.event_parser import EventParser, ServerEvent
from engine.api.paths import read_only_twin
from engine.api.schema import FieldProblem, Problem

PORTION = 64 * 1024


class ApiResponse:
    """A response whose head has arrived and whose body is read on demand."""

    def __init__(self, status: int, head: Mapping[str, str], body: AsyncIterator[bytes]) -> None:
        self.status = status
        self.head = head
        self.body = body

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([part async for part in self.body])


@asynccontextmanager
async def request(
    socket: Path, method: str, target: str, *, head: Mapping[str, str] | None = None, body: bytes = b""
) -> AsyncIterator[ApiResponse]:
    """Send a request on a connection of its own and return the response.

    Raises `EngineUnreachable`, `SocketForbidden` or `AnswerNotUnderstood`, also while the body is read.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except PermissionError as error:
        raise SocketForbidden(str(socket)) from error
    except OSError as error:
        raise EngineUnreachable(f"{socket}: {error.strerror or error}") from error
    connection = _Connection(socket, reader, writer)
    try:
        fields = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body)), **(head or {})}
        await connection.send(h11.Request(method=method, target=target, headers=list(fields.items())), body)
        yield await connection.answer()
    finally:
        writer.close()


class _Connection:
    """A connection: the protocol state and its stream."""

    def __init__(self, socket: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._socket = socket
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)

    async def send(self, request: h11.Request, body: bytes) -> None:
        data = [self._protocol.send(request)]
        if body:
            data.append(self._protocol.send(h11.Data(data=body)))
        data.append(self._protocol.send(h11.EndOfMessage()))
        self._writer.writelines(part for part in data if part)
        try:
            await self._writer.drain()
        except OSError as error:
            raise EngineUnreachable(f"{self._socket}: {error.strerror or error}") from error

    async def answer(self) -> ApiResponse:
        event = await self._next()
        if not isinstance(event, h11.Response):
            raise AnswerNotUnderstood(str(self._socket))
        head = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        return ApiResponse(event.status_code, head, self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> object:
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                self._protocol.receive_data(await self._reader.read(PORTION))
        except h11.RemoteProtocolError as error:
            if self._reader.at_eof():
                raise EngineUnreachable(f"{self._socket}: the engine closed the connection") from error
            raise AnswerNotUnderstood(f"{self._socket}: {error}") from error
        except OSError as error:
            raise EngineUnreachable(f"{self._socket}: {error.strerror or error}") from error
        return event


T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for a response to arrive completely, and for events to start."""

UNANSWERED = 3.0
"""Seconds without a response after which the user is notified."""

SILENCE = 45.0
"""Seconds without a sign of life after which the events have ended; the engine gives one every 15 seconds."""

FORBIDDEN, NOT_FOUND = 403, 404


class ApiClient:
    """Client of the engine that listens on `socket`, with a connection for each request. Every method raises a
    `ClientFailure`.

    `unanswered` is called when a response takes long.
    """

    def __init__(self, socket: Path, unanswered: Callable[[], None] | None = None) -> None:
        self.socket = socket
        self._unanswered = unanswered

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
        async with self._asking("GET", path, head) as (answer, patience):
            patience.reschedule(None)
            while True:
                try:
                    async with asyncio.timeout(SILENCE):
                        part = await anext(answer.body, b"")
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
        async with self._asking(method, path, head, body) as (answer, _):
            return await answer.read()

    @asynccontextmanager
    async def _asking(
        self, method: str, path: str, head: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[tuple[ApiResponse, asyncio.Timeout]]:
        """Context manager of a request: the response, unless it is a refusal, and the timeout for reading it."""
        loop = asyncio.get_running_loop()
        waiting = loop.call_later(UNANSWERED, self._unanswered) if self._unanswered else None
        try:
            async with (
                asyncio.timeout(PATIENCE) as patience,
                request(self.socket, method, path, head=head, body=body) as answer,
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
