"""One HTTP/1.1 request over a Unix socket: h11 knows the protocol, asyncio moves the bytes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import h11

from engine.api.client.failures import AnswerNotUnderstood, EngineUnreachable, SocketForbidden

PORTION = 64 * 1024


class Answer:
    """An answer whose head is here and whose body arrives as it is asked for."""

    def __init__(self, status: int, head: Mapping[str, str], body: AsyncIterator[bytes]) -> None:
        self.status = status
        self.head = head
        self.body = body

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([part async for part in self.body])


@asynccontextmanager
async def asking(
    socket: Path, method: str, target: str, *, head: Mapping[str, str] | None = None, body: bytes = b""
) -> AsyncIterator[Answer]:
    """Send a request on a connection of its own and give its answer.

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
    """Joins the protocol and the stream."""

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

    async def answer(self) -> Answer:
        event = await self._next()
        if not isinstance(event, h11.Response):
            raise AnswerNotUnderstood(str(self._socket))
        head = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        return Answer(event.status_code, head, self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> object:
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                self._protocol.receive_data(await self._reader.read(PORTION))
        except h11.RemoteProtocolError as error:
            if self._reader.at_eof():
                raise EngineUnreachable(f"{self._socket}: the engine ended the connection") from error
            raise AnswerNotUnderstood(f"{self._socket}: {error}") from error
        except OSError as error:
            raise EngineUnreachable(f"{self._socket}: {error.strerror or error}") from error
        return event
