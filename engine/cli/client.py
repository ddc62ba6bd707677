"""A small client of the local API, over its Unix socket."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

import aiohttp
import msgspec

from engine.api.schema import FieldProblem, Problem
from engine.api.schema.places import answering_socket, read_only_twin
from engine.cli.failures import AnswerNotUnderstood, EngineUnreachable, RequestRefused, SocketForbidden
from engine.cli.output import remark
from engine.cli.waiting import SILENCE
from engine.core import bounded

T = TypeVar("T")

TIMEOUT = aiohttp.ClientTimeout(total=30)
NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
FORBIDDEN, NOT_FOUND = 403, 404


def reachable_socket(paths: Iterable[Path], *, to_change: bool) -> Path:
    """Return the first of `paths` that somebody listens on, for reading or else its read-only twin.

    Raises `SocketForbidden` if one is there that this account may not use, else `EngineUnreachable`.
    """
    sockets = (each for path in paths for each in ((path,) if to_change else (path, read_only_twin(path))))
    return answering_socket(sockets, forbidden=SocketForbidden, unreachable=EngineUnreachable)


class ApiClient:
    """Asks one engine, or this very process where it `is_alone`.

    Every method raises `EngineUnreachable`, `SocketForbidden` or `RequestRefused`.
    """

    def __init__(self, path: Path, *, is_alone: bool = False) -> None:
        self.is_alone = is_alone
        self._path = path
        # A connection each: a command that waits for somebody to type would find a kept one closed by the engine.
        connector = aiohttp.UnixConnector(path=str(path), force_close=True)
        self._session = aiohttp.ClientSession("http://localhost", connector=connector)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, kind: type[T], query: Mapping[str, str] | None = None) -> T:
        """Return what is at `path`."""
        async with self._asking("GET", path, query, TIMEOUT) as response:
            return understood(await response.read(), kind)

    async def read(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """Return what is at `path` as it is."""
        async with self._asking("GET", path, query, TIMEOUT) as response:
            return await response.read()

    async def post(self, path: str, kind: type[T], body: msgspec.Struct | None = None) -> T:
        """Have something done, and return the answer."""
        async with self._asking("POST", path, None, TIMEOUT, body) as response:
            return understood(await response.read(), kind)

    async def find(self, path: str, kind: type[T]) -> T | None:
        """Return what is at `path`, None where there is nothing."""
        try:
            return await self.get(path, kind)
        except RequestRefused as refusal:
            if refusal.status != NOT_FOUND:
                raise
            return None

    async def delete(self, path: str) -> None:
        """Have something ended."""
        async with self._asking("DELETE", path, None, TIMEOUT):
            pass

    async def send(
        self, method: str, path: str, kind: type[T], body: msgspec.Struct | None = None, **headers: str
    ) -> T:
        """Have something changed, and return the answer; a header `If_Match` is sent as If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._asking(method, path, None, TIMEOUT, body, named) as response:
            return understood(await response.read(), kind)

    async def events(self, topics: str) -> AsyncIterator[tuple[str, bytes]]:
        """Yield name and data (JSON) of every event, the snapshot first, until the engine ends the stream."""
        async with self._asking("GET", "/v1/events", {"topics": topics}, NO_TIMEOUT) as response:
            name, pending = "", b""
            async for chunk in response.content.iter_any():
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"event: "):
                        name = line[7:].decode()
                    elif line.startswith(b"data: "):
                        yield name, line[6:]

    @asynccontextmanager
    async def _asking(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        limits: aiohttp.ClientTimeout,
        body: msgspec.Struct | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        data = None if body is None else msgspec.json.encode(body)
        asked = self._session.request(method, path, params=query, timeout=limits, data=data, headers=headers)
        waiting = asyncio.get_running_loop().call_later(SILENCE, _say_that_it_waits, self._path)
        try:
            async with asyncio.timeout(TIMEOUT.total) as patience, asked as response:
                waiting.cancel()
                if limits is NO_TIMEOUT:
                    patience.reschedule(None)
                if response.status >= 400:
                    raise _refusal(await response.read(), response.status)
                yield response
        except TimeoutError as error:
            raise EngineUnreachable(f"{self._path}: no answer within {TIMEOUT.total:.0f} s") from error
        except aiohttp.ClientError as error:
            raise EngineUnreachable(f"{self._path}: {str(error) or type(error).__name__}") from error
        finally:
            waiting.cancel()


def _say_that_it_waits(path: Path) -> None:
    remark(f"Waiting for the engine at {path} to answer, {TIMEOUT.total:.0f} s at most (Ctrl+C ends the command)")


def understood(data: bytes, kind: type[T]) -> T:
    """Return JSON as the type it should be. Raises `AnswerNotUnderstood`."""
    try:
        return bounded.json(data, kind)
    except bounded.NotReadable as error:
        raise AnswerNotUnderstood(str(error)) from error


def _refusal(body: bytes, status: int) -> RequestRefused | SocketForbidden:
    try:
        problem = understood(body, Problem)
    except AnswerNotUnderstood:
        problem = Problem(type="", title=f"HTTP status {status}", status=status)
    if problem.status == FORBIDDEN:
        return SocketForbidden(problem.title)
    told = ". ".join(part.rstrip(".") for part in (problem.title, problem.detail, problem.hint) if part)
    fields = tuple(_written(problem, field) for field in problem.fields)
    return RequestRefused(told, status=problem.status, parts=fields)


def _written(problem: Problem, field: FieldProblem) -> str:
    """Say which part does not fit, where only the API knows its limits."""
    if problem.type not in ("invalid-body", "invalid-query"):
        return field.detail
    return f"{field.pointer.lstrip('/?')}: {field.detail}"
