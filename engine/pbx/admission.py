"""Admission: accepts the connections of the PBX, and limits those that have not logged in."""

import asyncio
import itertools
import logging
import socket
import ssl
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from aiohttp import web

from engine.accepting import next_connection
from engine.core.clock import Clock
from engine.core.message_limiter import MessageLimiter
from engine.pbx.addresses import KnownAddresses, machine_of
from engine.pbx.errors import ListeningImpossible
from engine.pbx.requests import Deadlines

AT_ONCE = 32
"""Limit on connections from unknown addresses that have not logged in."""

AT_ONCE_FROM_ONE_ADDRESS = 8
"""Limit for one address. A known address has this many for itself, however many strangers there are."""

FAILURES_IN_A_ROW = 20
"""After this many refused log-ins, an address has to wait until one is forgiven."""

FORGIVEN_AFTER = timedelta(seconds=5)
"""Time after which one refused log-in no longer counts, so that a corrected password is accepted soon."""

ADDRESSES_REMEMBERED = 1000


class Waiting(Protocol):
    """A connection that has not logged in. A higher `progress` means that it has come further."""

    @property
    def address(self) -> str:
        """The machine it comes from."""
        ...

    @property
    def progress(self) -> int:
        """How far it has come."""
        ...


G = TypeVar("G", bound=Waiting)


class AdmissionLimiter(Generic[G]):
    """Limits the connections that have not logged in: a new one displaces the one that has progressed least.

    Among strangers it is one from the address that has the most, so that one machine, or a few, cannot displace
    another machine's connection.
    """

    def __init__(self, clock: Clock, known: KnownAddresses) -> None:
        self._clock = clock
        self._known = known
        self._present: dict[G, None] = {}
        self._failures: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def admits(self, address: str) -> bool:
        """Return whether to accept a connection from `address`: not after too many refused log-ins."""
        return self._failures_of(address) <= FAILURES_IN_A_ROW - 1

    def opened(self, pending: G) -> G | None:
        """Add a new connection; return the one that has to make room for it."""
        leaving = self._evicted(pending)
        self._present[pending] = None
        return leaving

    def closed(self, pending: G) -> None:
        """Remove a connection that has ended or has logged in."""
        self._present.pop(pending, None)

    def failed(self, address: str) -> None:
        """Count a refused log-in from `address`."""
        self._failures[address] = (self._failures_of(address) + 1, self._clock.now())
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_REMEMBERED:
            self._failures.popitem(last=False)

    def logged_in(self, address: str) -> bool:
        """Remember that a PBX has logged in from `address`; return whether the address is new."""
        self._failures.pop(address, None)
        return self._known.add(address)

    def _evicted(self, pending: G) -> G | None:
        alike = [other for other in self._present if other.address == pending.address]
        if len(alike) < AT_ONCE_FROM_ONE_ADDRESS:
            strangers = [other for other in self._present if other.address not in self._known]
            if pending.address in self._known or len(strangers) < AT_ONCE:
                return None
            [(busiest, _)] = Counter(other.address for other in strangers).most_common(1)
            alike = [other for other in strangers if other.address == busiest]
        return min(alike, key=lambda other: other.progress)

    def _failures_of(self, address: str) -> float:
        failures, at = self._failures.get(address, (0.0, self._clock.now()))
        return max(0.0, failures - (self._clock.now() - at) / FORGIVEN_AFTER)


_BACKLOG = 64
_OUT_OF_RESOURCES_SECONDS = 1.0
_SHUTDOWN_SECONDS = 1.0
_TLS_SECONDS = 5.0

CONNECTED, ENCRYPTED, UPGRADED = range(3)
"""Values of the progress of a connection."""

RequestHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)


class PendingConnection(web.RequestHandler):
    """One connection; `left` is called when it ends or has logged in, `complain` when it is not valid HTTP."""

    __slots__ = ("_complain", "_connection", "_is_late", "_is_pending", "_left", "address", "progress")

    def __init__(
        self,
        server: web.Server,
        connection: socket.socket,
        address: str,
        left: Callable[["PendingConnection"], None],
        complain: Callable[[str], None],
    ) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type]  # none
        self.address = address
        self.progress = CONNECTED
        self._connection = connection
        self._left = left
        self._complain = complain
        self._is_pending = True
        self._is_late = False

    def abort(self) -> None:
        """Abort the connection, even while its TLS handshake is still under way."""
        self._is_late = True
        if self.transport is not None:
            self.transport.abort()
        else:
            with suppress(OSError):  # it has ended already
                self._connection.shutdown(socket.SHUT_RDWR)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport when the TLS handshake is complete."""
        super().connection_made(transport)
        self.progress = ENCRYPTED
        if self._is_late:
            self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport at the end."""
        super().connection_lost(exc)
        self.authenticated()

    def authenticated(self) -> None:
        """Lift the limits: the connection has ended, was never established, or has logged in."""
        if self._is_pending:
            self._is_pending = False
            self._left(self)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer an invalid request, without a traceback and without quoting what was sent."""
        self._complain(self.address)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has already begun")
        answer = web.Response(status=status)
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Count what the HTTP library would log with a traceback and with data from the peer."""
        self._complain(self.address)

    def log_debug(self, *args: Any, **kw: Any) -> None:
        """Log nothing."""


def open_port(address: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `ListeningImpossible`."""
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = socket.create_server((address.strip("[]"), port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ListeningImpossible(f"{address} port {port}: {error.strerror or error}") from error
    listening.setblocking(False)
    return listening


class PbxAcceptor:
    """Accepts connections and passes their requests to `handler`; each must log in within ten seconds."""

    def __init__(
        self, handler: RequestHandler, tls: ssl.SSLContext, limiter: AdmissionLimiter[PendingConnection], clock: Clock
    ) -> None:
        self._handler = handler
        self._tls = tls
        self._limiter = limiter
        self._clock = clock
        self._deadlines = Deadlines(clock)
        self._complaints = MessageLimiter(clock)
        self._refusals = MessageLimiter(clock)
        self._numbers = itertools.count(1)
        self._expected: dict[PendingConnection, str] = {}

    async def run(self, listening: socket.socket) -> NoReturn:
        """Accept connections until cancelled, then close them all."""
        server = web.Server(self._handler)
        try:
            async with asyncio.TaskGroup() as arrivals:
                arrivals.create_task(self._watch())
                while True:
                    connection, address = await self._next(listening)
                    if self._limiter.admits(address):
                        arrivals.create_task(self._receive(connection, self._pending(server, connection, address)))
                    else:
                        connection.close()
                        self._refused(address)
        finally:
            server.pre_shutdown()
            await server.shutdown(_SHUTDOWN_SECONDS)

    async def _next(self, listening: socket.socket) -> tuple[socket.socket, str]:
        while True:
            try:
                connection, address = await next_connection(listening)
            except OSError:
                await asyncio.sleep(_OUT_OF_RESOURCES_SECONDS)
            else:
                return connection, machine_of(str(address[0]))

    def _pending(self, server: web.Server, connection: socket.socket, address: str) -> PendingConnection:
        pending = PendingConnection(server, connection, address, self._left, self._complain)
        leaving = self._limiter.opened(pending)
        if leaving is not None:
            leaving.abort()
            leaving.authenticated()
        self._expected[pending] = f"connection {next(self._numbers)}"
        self._deadlines.expect(self._expected[pending], pending.abort)
        return pending

    async def _receive(self, connection: socket.socket, pending: PendingConnection) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: pending, connection, ssl=self._tls, ssl_handshake_timeout=_TLS_SECONDS
            )
        except Exception:  # no TLS, no TLS in time, or any other error of the transport: it concerns this one only
            pending.authenticated()
            self._complain(pending.address)

    def _left(self, pending: PendingConnection) -> None:
        self._deadlines.met(self._expected.pop(pending))
        self._limiter.closed(pending)

    def _complain(self, address: str) -> None:
        if times := self._complaints.happened(address):
            logger.warning(
                "%s: a connection to the port for the PBX was not valid TLS or not valid HTTP (%s times)",
                address,
                times,
            )

    def _refused(self, address: str) -> None:
        if times := self._refusals.happened(address):
            logger.warning("%s: rejected after too many refused log-ins (%s times)", address, times)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep_until(self._deadlines.next_look())
            self._deadlines.expire()
