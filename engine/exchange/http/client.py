"""The HTTP client for Exchange: a pool of authenticated connections per host, and streamed responses."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from time import perf_counter

import httpx
from msgspec.structs import replace

from engine.core.clock import Clock
from engine.core.expiry import Expiries
from engine.core.resolver import Resolver
from engine.exchange.errors import CertificateNotTrusted, ExchangeFailure
from engine.exchange.http.auth import Credential, RequestAuth
from engine.exchange.http.authenticated_connection import GuardedCredential, PinnedConnection
from engine.exchange.http.connection import HttpConnection
from engine.exchange.http.messages import HttpRequest, HttpResponse, parse_url, part_of, pieces, traced
from engine.exchange.http.proxy import Proxy
from engine.exchange.http.trace import NoTrace, Trace
from engine.exchange.http.wire import network_of, port_of
from engine.logins.breaker import LogIns
from engine.tls.pin import Pin


class StreamedResponse:
    """The head of an answer, and its body as a stream of chunks; `trace` records it."""

    def __init__(self, answer: HttpResponse, outgoing: HttpRequest, trace: Trace, lane: str) -> None:
        self._answer = answer
        self._outgoing = outgoing
        self._trace = trace
        self._lane = lane

    @property
    def status(self) -> int:
        """The status code."""
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer; their names are case-insensitive."""
        return self._answer.headers

    @property
    def request_id(self) -> str:
        """The client-request-id that was sent."""
        return self._answer.request_id

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the decoded body as it arrives; raises what `pieces` raises."""
        async with contextlib.aclosing(pieces(self._answer)) as chunks:
            try:
                async for chunk in chunks:
                    yield chunk
            except ExchangeFailure as failure:
                self._tell(b"", failure.slug)
                raise

    def came(self, envelope: bytes) -> None:
        """Report a complete envelope of the body to the trace."""
        self._tell(envelope, "")

    def _tell(self, envelope: bytes, failure: str) -> None:
        if self._trace.on:
            self._trace.take(part_of(self._outgoing, self._answer, envelope, lane=self._lane, failure=failure))


TALKATIVE = ("httpx", "httpcore", "spnego")
"""Loggers that write URLs, headers and, for spnego, whole log-in messages."""


class ExchangeHttp:
    """HTTP client for Exchange under one account, with at most `connections` connections to each host.

    `log_in` is closed with this client, `clock` is the network clock; `resolver` looks up host names, None for that of
    the system; all of them are reached through `proxy`, if there is one; `trace` records requests. `log_ins` is the
    circuit breaker for log-ins; by default, this client has its own. `expiries` note the ends of certificates. The
    certificate of `pin` is trusted besides those that `tls` trusts.
    """

    def __init__(
        self,
        *,
        log_in: Credential | RequestAuth,
        connections: int,
        tls: ssl.SSLContext,
        clock: Clock,
        user_agent: str,
        resolver: Resolver | None = None,
        proxy: Proxy | None = None,
        trace: Trace | None = None,
        log_ins: LogIns | None = None,
        expiries: Expiries | None = None,
        pin: Pin | None = None,
    ) -> None:
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        log_ins = log_ins or LogIns(clock)
        self._log_in: GuardedCredential | RequestAuth
        if isinstance(log_in, Credential):
            breaker = log_ins.breaker(log_in.account, log_in.identity)
            self._log_in = GuardedCredential(log_in, breaker)
        else:
            self._log_in = log_in
        self._connections = connections
        self._network = network_of(tls, resolver, proxy, log_ins, expiries, pin)
        self._clock = clock
        self._user_agent = user_agent
        self._trace = trace or NoTrace()
        self._streams = 0
        self._lanes: dict[tuple[str, int], _ConnectionPool] = {}

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        asked: float | None = None,
        patience: float | None = None,
    ) -> HttpResponse:
        """POST `body` to an https `url`, logged in; any HTTP status but 401 is an answer.

        `asked` is when the request was made (perf_counter), if that was before now. The answer is waited for `patience`
        seconds, or as long as usual.

        A `Cookie` in `headers` is sent as it is, instead of those that the connection's host has set.
        Raises `ExchangeUnreachable`, `CertificateNotTrusted`, the refusal of the log-in, `LoginMethodNotOffered`,
        `InputNotUnderstood` (answers above 32 MiB too) or `RequestRejected` (headers that cannot be sent).
        """
        outgoing = _logged_in("POST", url, headers, body)
        return await self._send(replace(outgoing, asked=asked or perf_counter(), patience=patience))

    async def get(self, url: str, headers: Mapping[str, str], *, asked: float | None = None) -> HttpResponse:
        """GET an https `url` like `post`; a redirect is an answer and is not followed."""
        return await self._send(replace(_logged_in("GET", url, headers, b""), asked=asked or perf_counter()))

    async def _send(self, outgoing: HttpRequest) -> HttpResponse:
        async with self._lanes_to(outgoing.url).one() as lane:
            return await lane.send(outgoing)

    @contextlib.asynccontextmanager
    async def stream(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[StreamedResponse]:
        """POST like `post`, over a connection that is opened for this request and closed after it.

        An answer with status 200 has no time limit; it is not compressed, so that no part of it is held back.
        """
        outgoing = replace(_logged_in("POST", url, {**headers, "Accept-Encoding": "identity"}, body), in_pieces=True)
        self._streams += 1
        name = f"stream {self._streams}"
        lane = self._make_lane(name)
        try:
            yield StreamedResponse(await lane.send(outgoing), outgoing, self._trace, name)
        finally:
            await lane.close()

    async def get_anonymously(self, url: str, opening: str = "") -> HttpResponse:
        """GET an http or https `url` without any credentials; a redirect is an answer and is not followed.

        `opening` is an Authorization header to send although it holds no credentials, "" for none.

        Raises `ExchangeUnreachable`, `CertificateNotTrusted` or `InputNotUnderstood`.
        """
        outgoing = HttpRequest("GET", parse_url(url), {"Authorization": opening} if opening else {}, b"")
        return await traced(self._trace, outgoing, self._get, lane="", attempt=1)

    async def _get(self, outgoing: HttpRequest) -> HttpResponse:
        connection = self._connect()
        try:
            return await connection.exchange(outgoing)
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close all connections."""
        for lanes in self._lanes.values():
            await lanes.close()
        if not isinstance(self._log_in, GuardedCredential):
            await self._log_in.close()

    def _lanes_to(self, url: httpx.URL) -> "_ConnectionPool":
        origin = (url.host, port_of(url))
        if origin not in self._lanes:
            self._lanes[origin] = _ConnectionPool(
                [self._make_lane(f"{url.host} {number}") for number in range(1, self._connections + 1)]
            )
        return self._lanes[origin]

    def _make_lane(self, name: str) -> PinnedConnection:
        return PinnedConnection(self._log_in, self._clock, self._connect, self._trace, name)

    def _connect(self) -> HttpConnection:
        return HttpConnection(self._network, self._user_agent)


def _logged_in(method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpRequest:
    outgoing = HttpRequest(method, parse_url(url), headers, body)
    if outgoing.url.scheme != "https":
        raise CertificateNotTrusted(f"{outgoing.url.host}: the log-in is sent over TLS only, not to {url}")
    return outgoing


class _ConnectionPool:
    """Pool of lanes to one host; the one used last is used next, so that few connections stay busy."""

    def __init__(self, lanes: list[PinnedConnection]) -> None:
        self._all = lanes
        self._free: asyncio.LifoQueue[PinnedConnection] = asyncio.LifoQueue()
        for lane in lanes:
            self._free.put_nowait(lane)

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[PinnedConnection]:
        """Wait for a free lane and use it exclusively."""
        lane = await self._free.get()
        try:
            yield lane
        finally:
            self._free.put_nowait(lane)

    async def close(self) -> None:
        for lane in self._all:
            await lane.close()
