"""One HTTP connection to one host over TLS, with its cookies, because NTLM authenticates connections, not requests."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from types import MappingProxyType, SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection as Connected
from aiohttp.tracing import Trace

from engine.exchange.errors import CertificateNotTrusted
from engine.exchange.http.messages import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    OPENING_SECONDS,
    HttpRequest,
    HttpResponse,
    JoinedHeaders,
    UntrustedCertificate,
    failures_by_name,
    place_of,
    whole_body,
)
from engine.exchange.http.trace import Stopwatch
from engine.tls import contexts
from engine.tls.certificate import Certificate
from engine.tls.shown import shown_certificate
from engine.tls.verdict import Server, verdict


class TimedTls(ssl.SSLObject):
    """TLS object that measures its handshake: no HTTP library separates that from connecting."""

    _begun: float | None = None
    handshake_seconds = 0.0

    def do_handshake(self) -> None:
        """Continue the handshake; every call is one step of it."""
        if self._begun is None:
            self._begun = perf_counter()
        super().do_handshake()
        self.handshake_seconds = perf_counter() - self._begun


def verified_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the TLS context for Exchange and its log-in service. Raises `CertificateNotTrusted` if `ca_file` cannot be
    used."""
    try:
        context = contexts.verified_context(ca_file)
    except OSError as error:
        raise CertificateNotTrusted(f"exchange.ca_file {ca_file}: {error.strerror or error}") from error
    context.sslobject_class = TimedTls
    return context


def not_trusted(
    what: str,
    host: str,
    place: str,
    error: ssl.SSLCertVerificationError,
    shown: Certificate | None,
    host_settings: str = "exchange.ews_url or exchange.autodiscover_url",
) -> CertificateNotTrusted:
    """Return the failure that explains what is wrong with the certificate that was `shown`.

    `what` is the server in words, `host_settings` the settings that its name comes from. Certificates are judged by
    the machine's own time, so no injected clock is used here.
    """
    server = Server(what, host, place, "exchange.ca_file", host_settings)
    found = verdict(server, error.verify_code, error.verify_message, shown, datetime.now(UTC))
    return CertificateNotTrusted(found.detail).in_words(found.meaning, found.remedy)


OVERRIDE_COOKIE = "X-BackEndOverrideCookie"
KEPT_SECONDS = 3600.0
"""Longer than any connection stays idle: the lane decides how long a connection is used."""
KEEP_ALIVE: Mapping[str, int] = MappingProxyType(
    {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}
)
"""TCP options in seconds, a count, and milliseconds: a machine that is gone is detected half a minute later, whether we
are waiting or have just sent a request; the last also bounds the probes (tcp(7)). The machine itself answers, so this
says nothing about the program on it, which `ANSWER_SECONDS` bounds."""
MAX_HEADER = 64 * 1024
"""Bytes in one header field: Exchange's cookie for a mailbox's server grows with the length of its names."""


class HttpConnection:
    """One HTTP/1.1 connection (NTLM has no meaning over HTTP/2), one request at a time, without environment proxies.

    A lost connection is replaced by the next request. Cookies belong to the connection, as load balancers intend; but
    X-BackEndOverrideCookie leads to the server of one group of mailboxes, so the caller that received it sends it back.
    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-maintain-affinity-between-group-of-subscriptions-and-mailbox-server
    """

    def __init__(self, tls: ssl.SSLContext, user_agent: str, resolver: AbstractResolver | None) -> None:
        self._resolver = resolver
        self._connector = _Connector(ssl=tls, limit=1, keepalive_timeout=KEPT_SECONDS, resolver=resolver)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent, "Accept-Encoding": "gzip"},
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            trace_configs=[_telling_what_was_sent()],
        )
        self._cookies = aiohttp.CookieJar(unsafe=True)
        self._under_way: aiohttp.ClientResponse | None = None

    async def exchange(self, outgoing: HttpRequest, *, authorization: str | None = None) -> HttpResponse:
        """Send `outgoing` and return the whole answer, or its head if it is read in pieces.

        Raises `ExchangeUnreachable`, `AnswerBrokenOff`, `CertificateNotTrusted`, `RequestRejected` or
        `InputNotUnderstood`.
        """
        try:
            return await self._exchange(outgoing, authorization)
        except UntrustedCertificate as untrusted:
            host, place = outgoing.url.host or "", place_of(outgoing.url)
            shown = await shown_certificate(host, outgoing.url.port or 443, self._resolver)
            raise not_trusted("the Exchange server", host, place, untrusted.error, shown) from untrusted.error

    async def _exchange(self, outgoing: HttpRequest, authorization: str | None) -> HttpResponse:
        self._connector.watch = watch = outgoing.watch
        seconds = OPENING_SECONDS if outgoing.opens else ANSWER_SECONDS
        with failures_by_name(outgoing.url, seconds, opens=outgoing.opens):
            async with asyncio.timeout(CONNECT_SECONDS + seconds):
                response = await self._session.request(
                    outgoing.method,
                    outgoing.url,
                    data=outgoing.body or None,
                    headers=self._headers(outgoing, authorization),
                    allow_redirects=False,
                    trace_request_ctx=watch,
                )
                if watch is not None:
                    watch.lap("wait")
                self._take_cookies(response)
                headers = JoinedHeaders(response.headers)
                if outgoing.in_pieces and response.status == 200:
                    self._under_way = response
                    return HttpResponse(200, headers, b"", outgoing.request_id, response)
                async with response:
                    body = await whole_body(response)
                return HttpResponse(response.status, headers, body, outgoing.request_id)

    @property
    def is_open(self) -> bool:
        """Whether the connection of the last request is still open."""
        transport = self._connector.transport
        return transport is not None and not transport.is_closing()

    @property
    def server_certificate(self) -> bytes | None:
        """The certificate (DER) of the server that received the last request, None without TLS."""
        tls = self._connector.tls
        return tls.getpeercert(binary_form=True) if tls is not None else None

    async def close(self) -> None:
        """Close the connection, even while an answer is still arriving."""
        if self._under_way is not None:
            self._under_way.close()
        await self._session.close()

    def _headers(self, outgoing: HttpRequest, authorization: str | None) -> dict[str, str]:
        headers = {
            **outgoing.headers,
            "client-request-id": outgoing.request_id,
            "return-client-request-id": "true",
        }
        if authorization is not None:
            headers["Authorization"] = authorization
        if "Cookie" not in headers and (cookies := self._cookies.filter_cookies(outgoing.url)):
            headers["Cookie"] = cookies.output(header="", sep=";").strip()
        return headers

    def _take_cookies(self, response: aiohttp.ClientResponse) -> None:
        cookies = response.cookies
        cookies.pop(OVERRIDE_COOKIE, None)
        self._cookies.update_cookies(cookies, response.url)


class _Connector(aiohttp.TCPConnector):
    """Remembers the last connection it gave out, because a response releases its own when it is complete.

    `watch` measures how long a new connection takes.
    """

    watch: Stopwatch | None = None
    transport: asyncio.Transport | None = None
    tls: ssl.SSLObject | None = None

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> Connected:
        connection = await super().connect(req, traces, timeout)
        is_new = connection.transport is not self.transport
        self.transport = connection.transport
        self.tls = self.transport.get_extra_info("ssl_object") if self.transport is not None else None
        if is_new:
            _keep_alive(self.transport)
        if self.watch is not None and is_new:
            self.watch.connected(self.tls.handshake_seconds if isinstance(self.tls, TimedTls) else 0.0)
        return connection


def _keep_alive(transport: asyncio.Transport | None) -> None:
    """Let the system detect that the other machine is gone (RFC 9293, sections 3.8.3 and 3.8.4), if it can."""
    plain = transport.get_extra_info("socket") if transport is not None else None
    if plain is None:
        return
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            plain.setsockopt(socket.IPPROTO_TCP, option, value)


def _telling_what_was_sent() -> aiohttp.TraceConfig:
    async def sent(_: object, request: SimpleNamespace, __: object) -> None:
        if request.trace_request_ctx is not None:
            request.trace_request_ctx.lap("send")

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(sent)
    config.on_request_chunk_sent.append(sent)
    return config
