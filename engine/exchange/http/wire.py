"""A connection as bytes: TCP, directly or through a proxy, and TLS over it. HTTP itself is in `transport`."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

import httpx

from engine.core.expiry import Expiries, Expiring
from engine.core.resolver import Resolver
from engine.exchange.http.proxy import DEFAULT_PORTS, Proxy, Tunnel
from engine.exchange.http.proxy_errors import ProxyLogInRefused, ProxyRefuses, ProxyTlsImpossible, ProxyUnreachable
from engine.exchange.http.trace import Stopwatch
from engine.logins.breaker import Breaker, LogIns
from engine.logins.rules import Paused
from engine.tls.certificate import end_of
from engine.tls.pin import Pin

KEEP_ALIVE: Mapping[str, int] = MappingProxyType(
    {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}
)
"""TCP options in seconds, a count, and milliseconds: a machine that is gone is detected half a minute later, whether we
are waiting or have just sent a request; the last also bounds the probes (tcp(7)). The machine itself answers, so this
says nothing about the program on it, which the time limit of a request bounds."""
BUFFERED = 256 * 1024
"""Bytes that may have arrived without being read; beyond that, the sender has to wait."""
NEXT_ADDRESS = 0.25
"""Seconds after which another address of a host is tried beside the first (RFC 8305)."""


class ProxyCertificateUnverified(Exception):
    """The certificate of a proxy that is reached over TLS failed verification."""

    def __init__(self, proxy: Proxy, error: ssl.SSLCertVerificationError) -> None:
        super().__init__(str(error))
        self.proxy = proxy
        self.error = error


@dataclass(frozen=True, slots=True)
class Network:
    """How servers are reached: trusted by `tls`, names looked up by `resolver` (None for that of the system), all of
    them through `proxy` if there is one. `proxy_breaker` is the circuit breaker for log-ins there, None without any.
    `server_tls` replaces `tls` for the servers alone, where only their certificate is looked at: the proxy gets a
    password, so it is always verified. A server that presents the certificate of `pin` is trusted by that, whatever its
    name; any other is verified as usual. The ends of certificates that are verified are noted in `expiries`."""

    tls: ssl.SSLContext
    resolver: Resolver | None = None
    proxy: Proxy | None = None
    proxy_breaker: Breaker | None = None
    server_tls: ssl.SSLContext | None = None
    pin: Pin | None = None
    expiries: Expiries | None = None

    def note_end(self, kind: Expiring, place: str, wire: "Wire") -> None:
        """Note when the certificate ends that the peer of `wire` has presented."""
        if self.expiries is not None and (ends := end_of(wire.get_extra_info("ssl_object"))) is not None:
            self.expiries.note(kind, ends, place)


def network_of(
    tls: ssl.SSLContext,
    resolver: Resolver | None,
    proxy: Proxy | None,
    log_ins: LogIns,
    expiries: Expiries | None = None,
    pin: Pin | None = None,
) -> Network:
    """Return the network behind `proxy`, whose log-ins there are among those that `log_ins` counts."""
    breaker = log_ins.breaker(proxy.account, proxy.password.reveal) if proxy is not None and proxy.user else None
    return Network(tls, resolver, proxy, breaker, pin=pin, expiries=expiries)


@contextlib.asynccontextmanager
async def logged_in_at_proxy(network: Network) -> AsyncIterator[None]:
    """Log in at the proxy by what is sent in this context. Raises `ProxyLogInRefused`, also while log-ins are paused.

    Any other answer than 407 proves the log-in: a proxy judges it before it judges what is asked for.
    """
    if network.proxy_breaker is None:
        yield
        return
    try:
        async with network.proxy_breaker.log_in() as log_in:
            await log_in.sending()
            try:
                yield
            except ProxyLogInRefused:
                await log_in.refused()
                raise
            except ProxyRefuses as failure:
                if not failure.has_answered:
                    await log_in.undecided(failure.detail)
                    raise
                await log_in.proved()
                raise
            except httpx.TransportError as error:
                await log_in.undecided(str(error))
                raise
            await log_in.proved()
    except Paused as pause:
        raise pause.explain(ProxyLogInRefused(f"{network.proxy}: {pause}")) from None


class Wire(asyncio.Protocol):
    """The bytes that arrive on one connection, kept until they are read, and those that are sent; one reader."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._paused = False
        self._lost = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep what has arrived, and stop the sender if that is not read for too long."""
        self._pieces.append(data)
        self._held += len(data)
        if self._held > BUFFERED and not self._paused:
            self._transport.pause_reading()
            self._paused = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more comes, and why."""
        self._lost = True
        self._error = exc
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Let `send` wait."""
        if self._writable is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let `send` go on."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    @property
    def is_open(self) -> bool:
        """Whether both sides still hold the connection, as far as is known."""
        return not self._lost and not self._transport.is_closing()

    @property
    def has_unread(self) -> bool:
        """Whether something has arrived that nobody has read."""
        return bool(self._pieces)

    def get_extra_info(self, name: str) -> Any:
        """Return what the connection knows about itself, such as its "ssl_object", None if it knows nothing."""
        return self._transport.get_extra_info(name)

    async def send(self, data: bytes) -> None:
        """Send, and wait while the other side takes nothing. Raises the OSError that ended the connection.

        What has arrived before that is an answer all the same, for instance to a body that is too large.
        """
        if self.is_open:
            self._transport.write(data)
        if self._writable is not None:
            await self._writable
        if not self._pieces:
            self._raise_loss()

    async def read(self) -> bytes:
        """Return what has arrived, waiting for it; nothing at the end. Raises the OSError that ended the connection."""
        while not self._pieces:
            self._raise_loss()
            if not self.is_open:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        found = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return found

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Speak TLS from now on, with a server of this `name`."""
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(self._transport, self, context, server_hostname=name)
        if secured is None:
            raise ConnectionAbortedError("the connection was closed during the TLS handshake")
        self._transport = secured

    def close(self) -> None:
        """End the connection at once, whatever is under way."""
        self._transport.abort()
        self._lost = True
        self._wake()

    def _raise_loss(self) -> None:
        # Not the error itself: ETIMEDOUT is a TimeoutError, as that of our own time limits is.
        if self._error is not None:
            raise ConnectionAbortedError(str(self._error) or type(self._error).__name__) from self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def port_of(url: httpx.URL) -> int:
    """Return the port of an http or https URL."""
    return url.port or DEFAULT_PORTS[url.scheme]


def ascii_host(url: httpx.URL) -> str:
    """Return the host of a URL as names are looked up and certificates name it (RFC 5891)."""
    return url.raw_host.decode("ascii")


async def connect(network: Network, url: httpx.URL, seconds: float, watch: Stopwatch | None = None) -> Wire:
    """Return a new connection to the server of `url`, or for http through a proxy, to that proxy.

    `seconds` is the time limit, 0 for none; a proxy has as much for each of its parts. Raises OSError (TimeoutError and
    ssl.SSLError among them), the failures of a proxy or `ProxyCertificateUnverified`.
    """
    if network.pin is None or network.server_tls is not None or url.scheme != "https":
        return await _connect(network, url, seconds, watch)
    wire = await _connect(replace(network, server_tls=network.pin.context), url, seconds, watch)
    if network.pin.fits(wire.get_extra_info("ssl_object")):
        network.note_end(Expiring.EXCHANGE_CERTIFICATE, f"{ascii_host(url)}:{port_of(url)}", wire)
        return wire
    wire.close()
    return await _connect(network, url, seconds, watch)


async def _connect(network: Network, url: httpx.URL, seconds: float, watch: Stopwatch | None) -> Wire:
    name, port = ascii_host(url), port_of(url)
    wire = await _at_proxy(network.proxy, network, seconds) if network.proxy is not None else None
    try:
        if wire is not None and network.proxy is not None and url.scheme == "https":
            async with logged_in_at_proxy(network):
                await _tunnel(wire, network.proxy, f"[{name}]:{port}" if ":" in name else f"{name}:{port}", seconds)
        async with asyncio.timeout(seconds or None):
            if wire is None:
                wire = await _opened(name, port, network.resolver)
            if watch is not None:
                watch.lap("connect")
            if url.scheme == "https":
                await wire.start_tls(network.server_tls or network.tls, name)
                if network.server_tls is None:
                    network.note_end(Expiring.EXCHANGE_CERTIFICATE, f"{name}:{port}", wire)
                if watch is not None:
                    watch.lap("tls")
    except BaseException:
        if wire is not None:
            wire.close()
        raise
    return wire


@contextlib.asynccontextmanager
async def connected(network: Network, url: httpx.URL, seconds: float) -> AsyncIterator[Wire]:
    """Give a new connection like `connect`, and close it afterwards."""
    wire = await connect(network, url, seconds)
    try:
        yield wire
    finally:
        wire.close()


async def _opened(host: str, port: int, resolver: Resolver | None) -> Wire:
    loop = asyncio.get_running_loop()
    if resolver is None:
        _, wire = await loop.create_connection(Wire, host, port, happy_eyeballs_delay=NEXT_ADDRESS)
    else:
        wire = await _first_of([(each["host"], each["port"]) for each in await resolver.resolve(host, port)])
    _keep_alive(wire)
    return wire


async def _first_of(places: list[tuple[str, int]]) -> Wire:
    refusal = OSError("there is no address to connect to")
    for host, port in places:
        try:
            _, wire = await asyncio.get_running_loop().create_connection(Wire, host, port)
        except OSError as error:
            refusal = error
        else:
            return wire
    raise refusal


def _keep_alive(wire: Wire) -> None:
    """Let the system detect that the other machine is gone (RFC 9293, sections 3.8.3 and 3.8.4), if it can."""
    plain = wire.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            plain.setsockopt(socket.IPPROTO_TCP, option, value)


async def _at_proxy(proxy: Proxy, network: Network, seconds: float) -> Wire:
    wire: Wire | None = None
    try:
        async with asyncio.timeout(seconds or None):
            wire = await _opened(proxy.host, proxy.port, network.resolver)
            if proxy.tls:
                await wire.start_tls(network.tls, proxy.host)
                network.note_end(Expiring.PROXY_CERTIFICATE, str(proxy), wire)
    except BaseException as error:
        if wire is not None:
            wire.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise ProxyCertificateUnverified(proxy, error) from error
        if isinstance(error, OSError):
            kind = ProxyUnreachable if wire is None else ProxyTlsImpossible
            raise kind(f"{proxy}: {_why(error, seconds)}") from error
        raise
    return wire


async def _tunnel(wire: Wire, proxy: Proxy, place: str, seconds: float) -> None:
    tunnel = Tunnel(proxy, place)
    try:
        async with asyncio.timeout(seconds or None):
            await wire.send(tunnel.request())
            while not tunnel.stands(await wire.read()):
                continue
    except OSError as error:
        raise ProxyRefuses(f"{proxy} opens no connection to {place}: {_why(error, seconds)}") from error


def _why(error: OSError, seconds: float) -> str:
    return str(error) or f"no answer within {seconds:.0f} s"
