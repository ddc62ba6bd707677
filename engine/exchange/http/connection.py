"""One HTTP connection to one host over TLS, with its cookies, because NTLM authenticates connections, not requests."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx

from engine.exchange.errors import CertificateNotTrusted
from engine.exchange.http.cookies import ConnectionCookies
from engine.exchange.http.messages import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    HttpRequest,
    HttpResponse,
    JoinedHeaders,
    UntrustedCertificate,
    failures_by_name,
    place_of,
)
from engine.exchange.http.proxy import Proxy
from engine.exchange.http.proxy_errors import ProxyFailure, ProxyInspectsTls
from engine.exchange.http.transport import PinnedTransport
from engine.exchange.http.wire import Network, ProxyCertificateUnverified, connected
from engine.tls import contexts
from engine.tls.certificate import Certificate, presented
from engine.tls.verdict import Server, verdict


def verified_context(ca_file: Path | None, *, with_system: bool = False) -> ssl.SSLContext:
    """Return the TLS context for Exchange and its log-in service; `with_system`: trust the system's CAs besides those
    in `ca_file`. Raises `CertificateNotTrusted` if that cannot be used."""
    try:
        return contexts.verified_context(ca_file, with_system=with_system)
    except OSError as error:
        raise CertificateNotTrusted(f"exchange.ca_file {ca_file}: {error.strerror or error}") from error


def not_trusted(
    name: str,
    host: str,
    place: str,
    error: ssl.SSLCertVerificationError,
    shown: Certificate | None,
    host_settings: str = "exchange.ews_url or exchange.autodiscover_url",
) -> CertificateNotTrusted:
    """Return the failure that explains what is wrong with the certificate that was `shown`.

    `name` is that of the server, as in "the proxy certificate", `host_settings` the settings that its name comes from.
    Certificates are judged by the machine's own time, so no injected clock is used here.
    """
    server = Server(name, host, place, "exchange.ca_file", host_settings)
    found = verdict(server, error.verify_code, error.verify_message, shown, datetime.now(UTC))
    return CertificateNotTrusted(found.detail).in_words(found.meaning, found.remedy)


LOOKING_SECONDS = 5.0
"""How long a certificate that is not trusted is waited for, to show it."""


class _Client(httpx.AsyncClient):
    """The client of one connection: redirects are not followed, and nothing is taken from the environment."""

    def __init__(self, transport: PinnedTransport) -> None:
        super().__init__(transport=transport, follow_redirects=False, trust_env=False)
        self._kept = ConnectionCookies()

    @property  # type: ignore[misc]  # nobody replaces them
    def cookies(self) -> httpx.Cookies:
        return self._kept


class NoLogin(httpx.Auth):
    """Sends a request as it is."""


class HttpConnection:
    """One HTTP/1.1 connection (NTLM has no meaning over HTTP/2), one request at a time.

    Cookies belong to the connection, as load balancers intend. Neither proxies nor anything else is taken from the
    environment.
    """

    def __init__(self, network: Network, user_agent: str) -> None:
        self._network = network
        self._transport = PinnedTransport(network)
        self._client = _Client(self._transport)
        self._user_agent = user_agent.encode()

    async def exchange(self, outgoing: HttpRequest, login: httpx.Auth | None = None) -> HttpResponse:
        """Send `outgoing` and return the whole answer, or its head if it is read in pieces.

        Raises `ExchangeUnreachable`, `AnswerBrokenOff`, `CertificateNotTrusted`, `RequestRejected` or
        `InputNotUnderstood`, and what `login` raises.
        """
        try:
            with failures_by_name(outgoing.url):
                return await self._exchange(outgoing, login or NoLogin())
        except UntrustedCertificate as untrusted:
            raise await self._explained(outgoing.url, untrusted.error) from untrusted.error
        except ProxyCertificateUnverified as untrusted:
            raise await explained(self._network, untrusted) from untrusted.error

    async def _exchange(self, outgoing: HttpRequest, login: httpx.Auth) -> HttpResponse:
        request = self._request(outgoing)
        response = await self._client.send(request, auth=login, stream=True)
        headers = JoinedHeaders.of(response)
        if outgoing.in_pieces and response.status_code == 200:
            return HttpResponse(200, headers, b"", outgoing.request_id, response)
        try:
            body = response.content if response.is_stream_consumed else await _whole(response)
        finally:
            await response.aclose()
        return HttpResponse(response.status_code, headers, body, outgoing.request_id)

    def _request(self, outgoing: HttpRequest) -> httpx.Request:
        """Return a request with all its headers; letting the client complete it takes a third more time."""
        # Addresses in headers may hold any letter; httpx itself would send ASCII alone.
        headers = [
            (b"Host", outgoing.url.netloc),
            (b"User-Agent", self._user_agent),
            (b"Accept", b"*/*"),
            *((name.encode("ascii"), value.encode()) for name, value in outgoing.headers.items()),
            (b"client-request-id", outgoing.request_id.encode("ascii")),
            (b"return-client-request-id", b"true"),
        ]
        if "Accept-Encoding" not in outgoing.headers:
            headers.append((b"Accept-Encoding", b"gzip"))
        if outgoing.body or outgoing.method == "POST":
            headers.append((b"Content-Length", b"%d" % len(outgoing.body)))
        request = httpx.Request(
            outgoing.method,
            outgoing.url,
            headers=headers,
            stream=httpx.ByteStream(outgoing.body),
            extensions=_extensions(outgoing),
        )
        self._client.cookies.set_cookie_header(request)
        return request

    @property
    def is_open(self) -> bool:
        """Whether the connection of the last request is open, and free for another one."""
        return self._transport.is_open

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookies of the connection."""
        return self._client.cookies

    async def close(self) -> None:
        """Close the connection, even while an answer is still arriving."""
        await self._client.aclose()

    async def _explained(self, url: httpx.URL, error: ssl.SSLCertVerificationError) -> CertificateNotTrusted:
        shown = await shown_certificate(self._network, url)
        found = not_trusted("Exchange", url.host, place_of(url), error, shown)
        return found if self._network.proxy is None else inspected(self._network.proxy, found)


async def explained(network: Network, untrusted: ProxyCertificateUnverified) -> CertificateNotTrusted:
    """Return the failure that explains what is wrong with the certificate of a proxy."""
    proxy = untrusted.proxy
    shown = await shown_certificate(replace(network, proxy=None), httpx.URL(proxy.url))
    return not_trusted("proxy", proxy.host, str(proxy), untrusted.error, shown, "exchange.proxy")


def inspected(proxy: Proxy, found: CertificateNotTrusted) -> ProxyInspectsTls:
    """Return the failure for a certificate that is not trusted, of a server behind a proxy."""
    return ProxyInspectsTls(f"{found.detail}, behind {proxy}")


async def shown_certificate(network: Network, url: httpx.URL) -> Certificate | None:
    """Return the certificate that the server of `url` presents, trusted or not; None if it presents none."""
    try:
        async with connected(replace(network, server_tls=contexts.unverified_context()), url, LOOKING_SECONDS) as wire:
            return presented(wire.get_extra_info("ssl_object"))
    except (OSError, ProxyFailure, ProxyCertificateUnverified):
        return None


async def _whole(response: httpx.Response) -> bytes:
    """Return the body, as the transport has it unpacked and bounded."""
    return b"".join([piece async for piece in cast("httpx.AsyncByteStream", response.stream)])


def _extensions(outgoing: HttpRequest) -> dict[str, Any]:
    """Return what `PinnedTransport` is told about a request."""
    patience = ANSWER_SECONDS if outgoing.patience is None else outgoing.patience
    found: dict[str, Any] = {"timeout": {"connect": CONNECT_SECONDS, "read": patience}}
    if outgoing.in_pieces:
        found["endless"] = True
    if outgoing.watch is not None:
        found["watch"] = outgoing.watch
    return found
