"""HTTP/1.1 over one connection to one host, as a transport of httpx: what is sent, what comes back, how long it takes.

A request says in its extensions (https://www.python-httpx.org/advanced/extensions/):
    timeout   `connect` seconds for a new connection, then `read` seconds for the whole answer, not for each piece
    endless   an answer with status 200 has neither that limit nor one of size
    watch     the `Stopwatch` that measures it
and an answer:
    network_stream   the connection, with its TLS object
    headers          all headers as they came; httpx itself gets cookies alone
"""

import asyncio
from collections.abc import AsyncIterator

import h11
import httpx

from engine.exchange.errors import NotUnderstood
from engine.exchange.http import wire as wires
from engine.exchange.http.proxy import PROXY_AUTHENTICATION_REQUIRED, log_in_refused
from engine.exchange.http.trace import Stopwatch
from engine.exchange.http.unpacking import Undecodable, Unpacking
from engine.exchange.http.wire import Network, Wire

MAX_BODY = 32 * 1024 * 1024
MAX_HEAD = 256 * 1024
"""Bytes in the head of an answer: Exchange's cookie for a mailbox's server grows with the length of its names."""
FOR_HTTPX = b"set-cookie"
"""The header that httpx is to act upon. By others it would unpack bodies of any size, and read redirects that it is not
to follow."""


class PinnedTransport(httpx.AsyncBaseTransport):
    """One connection to one host, for one request at a time; a lost one is replaced by the next request.

    Log-ins such as NTLM belong to a connection, so nothing is sent over another one than the last answer came by,
    unless that is closed: `is_open` tells.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._wire: Wire | None = None
        self._http = h11.Connection(h11.CLIENT)

    @property
    def is_open(self) -> bool:
        """Whether the connection is there, and free for a request.

        Bytes that nobody has asked for, such as a 408 before the server closes it, would be taken for the next answer.
        """
        if self._wire is None or not self._wire.is_open or self._wire.has_unread:
            return False
        return self._is_free and not self._http.trailing_data[0]

    @property
    def _is_free(self) -> bool:
        return self._http.our_state is self._http.their_state is h11.DONE

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and return the head of the answer, with the body still to come.

        Raises `httpx.TransportError`, and the failures of a proxy.
        """
        limits = request.extensions["timeout"]
        try:
            wire = self._wire
            if wire is None or not self.is_open:
                wire = await self._connect(request, limits["connect"])
            else:
                self._http.start_next_cycle()
            deadline = asyncio.get_running_loop().time() + limits["read"]
            if self._network.proxy is None or request.url.scheme != "http":
                return await self._answer(request, wire, deadline)
            async with wires.logged_in_at_proxy(self._network):
                return await self._answer(request, wire, deadline)
        except BaseException:
            self.close()
            raise

    async def aclose(self) -> None:
        """Close the connection, even while an answer is still arriving."""
        self.close()

    def close(self) -> None:
        """Close the connection, even while an answer is still arriving."""
        if self._wire is not None:
            self._wire.close()

    async def _connect(self, request: httpx.Request, seconds: float) -> Wire:
        self.close()
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        try:
            self._wire = await wires.connect(self._network, request.url, seconds, request.extensions.get("watch"))
        except TimeoutError as error:
            if error.errno is None:
                raise httpx.ConnectTimeout(f"no connection within {seconds:.0f} s", request=request) from error
            raise httpx.ConnectError(str(error), request=request) from error
        except OSError as error:
            raise httpx.ConnectError(str(error) or type(error).__name__, request=request) from error
        return self._wire

    async def _answer(self, request: httpx.Request, wire: Wire, deadline: float) -> httpx.Response:
        watch: Stopwatch | None = request.extensions.get("watch")
        try:
            async with asyncio.timeout_at(deadline):
                await wire.send(self._message(request, await request.aread()))
                if watch is not None:
                    watch.lap("send")
                head = await self._head(wire)
        except TimeoutError as error:
            raise _too_late(request) from error
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error), request=request) from error
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error), request=request) from error
        except OSError as error:
            raise httpx.ReadError(str(error) or type(error).__name__, request=request) from error
        if watch is not None:
            watch.lap("wait")
        headers = list(head.headers)
        proxy = self._network.proxy
        if proxy is not None and head.status_code == PROXY_AUTHENTICATION_REQUIRED and request.url.scheme == "http":
            raise log_in_refused(proxy, [value for name, value in headers if name == b"proxy-authenticate"])
        endless = head.status_code == 200 and "endless" in request.extensions
        return httpx.Response(
            head.status_code,
            headers=[pair for pair in headers if pair[0] == FOR_HTTPX],
            stream=_Body(self, request, wire, headers, None if endless else deadline),
            extensions={"network_stream": wire, "headers": headers, "http_version": b"HTTP/" + head.http_version},
        )

    def _message(self, request: httpx.Request, content: bytes) -> bytes:
        headers, target = request.headers.raw, request.url.raw_path
        if self._network.proxy is not None and request.url.scheme == "http":
            target = str(request.url).encode("ascii")
            if authorization := self._network.proxy.authorization:
                headers = [*headers, (b"Proxy-Authorization", authorization.encode("ascii"))]
        start = self._http.send(h11.Request(method=request.method, target=target, headers=headers))
        body = self._http.send(h11.Data(content)) if content else b""
        return (start or b"") + (body or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    async def _head(self, wire: Wire) -> h11.Response:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                await self._receive(wire)

    async def _receive(self, wire: Wire) -> None:
        received = await wire.read()
        if not received and self._http.their_state is h11.SEND_RESPONSE:
            raise h11.RemoteProtocolError("the connection was closed without an answer")
        self._http.receive_data(received)

    async def body(self, request: httpx.Request, wire: Wire, deadline: float | None) -> AsyncIterator[bytes]:
        """Yield the body of the answer as it comes over `wire`."""
        try:
            while True:
                event = self._http.next_event()
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
                elif event is h11.NEED_DATA:
                    async with asyncio.timeout_at(deadline):
                        await self._receive(wire)
                else:
                    return
        except TimeoutError as error:
            raise _too_late(request) from error
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error), request=request) from error
        except OSError as error:
            raise httpx.ReadError(str(error) or type(error).__name__, request=request) from error

    def finished(self) -> None:
        """Close the connection unless the answer is complete, and the server keeps it for another request."""
        if not self._is_free:
            self.close()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, unpacked."""

    def __init__(
        self,
        transport: PinnedTransport,
        request: httpx.Request,
        wire: Wire,
        headers: list[tuple[bytes, bytes]],
        deadline: float | None,
    ) -> None:
        self._transport = transport
        self._request = request
        self._wire = wire
        self._encoding = b", ".join(value for name, value in headers if name == b"content-encoding").decode("latin-1")
        self._deadline = deadline
        self._over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            packing = Unpacking(self._encoding)
            async for packed in self._transport.body(self._request, self._wire, self._deadline):
                for piece in packing.unpacked(packed):
                    size += len(piece)
                    if size > MAX_BODY and self._deadline is not None:
                        raise NotUnderstood(f"{self._request.url.host}: an answer of more than {MAX_BODY} bytes")
                    yield piece
            packing.finish()
        except Undecodable as error:
            raise httpx.DecodingError(str(error), request=self._request) from error
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        if not self._over:
            self._over = True
            self._transport.finished()


def _too_late(request: httpx.Request) -> httpx.ReadTimeout:
    return httpx.ReadTimeout(f"no answer within {request.extensions['timeout']['read']:.0f} s", request=request)
