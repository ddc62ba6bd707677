"""HTTP/1.1 over a Unix socket as a transport of httpx: a connection for each request, nothing kept between them.

A request says in its extensions (https://www.python-httpx.org/advanced/extensions/):
    target   what is asked for, as it is sent: httpx would resolve ".." in a path, and refuse a long one
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import h11
import httpx

from engine.api.errors import AnswerNotUnderstood, EngineUnreachable, SocketForbidden

PORTION = 64 * 1024
"""Maximum bytes that are read at once."""

LARGEST_HEAD = 16 * 1024
"""Maximum bytes in the head of an answer; the engine's have less than 1 kB."""

HEADERS = {"Accept-Encoding": "identity", "Connection": "close"}


def http_client(socket: Path) -> httpx.AsyncClient:
    """Return a client of the engine that listens on `socket`; it holds nothing that would have to be closed.

    Its requests raise `EngineUnreachable`, `SocketForbidden` or `AnswerNotUnderstood`, also while an answer is read.
    They have no time limit.
    """
    return httpx.AsyncClient(
        transport=SocketTransport(socket),
        base_url="http://localhost",
        headers=HEADERS,
        timeout=None,  # noqa: S113 - the caller limits the time of the whole request
        trust_env=False,
    )


class SocketTransport(httpx.AsyncBaseTransport):
    """Sends each request on a new connection to `socket`."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and return the head of the answer, with the body still to come."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        except PermissionError as error:
            raise SocketForbidden(str(self._socket)) from error
        except OSError as error:
            raise EngineUnreachable(f"{self._socket}: {error.strerror or error}") from error
        connection = _Connection(self._socket, reader, writer)
        try:
            return await connection.answer(request)
        except BaseException:
            await connection.aclose()
            raise


class _Connection(httpx.AsyncByteStream):
    """A connection for one request; as a stream, the body of its answer."""

    def __init__(self, socket: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._socket = socket
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and return the answer, whose body is this stream."""
        target: bytes = request.extensions["target"]
        content = await request.aread()
        start = self._http.send(h11.Request(method=request.method, target=target, headers=request.headers.raw))
        body = self._http.send(h11.Data(content)) if content else b""
        end = self._http.send(h11.EndOfMessage())
        self._writer.write((start or b"") + (body or b"") + (end or b""))
        try:
            await self._writer.drain()
        except OSError as error:
            raise EngineUnreachable(f"{self._socket}: {error.strerror or error}") from error
        head = await self._next()
        if not isinstance(head, h11.Response):
            raise AnswerNotUnderstood(str(self._socket))
        # Without its headers, by which httpx would keep cookies and unpack bodies of any size; nobody else needs one.
        return httpx.Response(head.status_code, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def aclose(self) -> None:
        self._writer.close()

    async def _next(self) -> object:
        closed = False
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._reader.read(PORTION)
                closed = not data
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            if closed:
                raise EngineUnreachable(f"{self._socket}: the engine closed the connection") from error
            raise AnswerNotUnderstood(f"{self._socket}: {error}") from error
        except OSError as error:
            raise EngineUnreachable(f"{self._socket}: {error.strerror or error}") from error
        return event
