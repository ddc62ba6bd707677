"""The port that the PBX connects to: TLS and HTTP for whoever comes, within narrow bounds until the log-in."""

import asyncio
import itertools
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import NoReturn

from aiohttp import web

from engine.core.clock import Clock
from engine.pbx.deadlines import ANSWER_TIME, Deadlines
from engine.pbx.failures import ListeningImpossible
from engine.pbx.guests import Guests

_BACKLOG = 64
_OUT_OF_RESOURCES_SECONDS = 1.0
_SHUTDOWN_SECONDS = 1.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Guest(web.RequestHandler):
    """One connection; `left` is called when it ends, or when it is logged in."""

    __slots__ = ("_is_guest", "_is_late", "_left", "address")

    def __init__(self, server: web.Server, address: str, left: Callable[["Guest"], None]) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type]  # none
        self.address = address
        self._left = left
        self._is_guest = True
        self._is_late = False

    def cut_off(self) -> None:
        """End the connection without a word, also one whose TLS handshake is still under way."""
        self._is_late = True
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport when the TLS handshake is complete."""
        super().connection_made(transport)
        if self._is_late:
            self.cut_off()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport at the end."""
        super().connection_lost(exc)
        self.is_no_guest()

    def is_no_guest(self) -> None:
        """The connection has ended, never came about, or is logged in: no bound holds any more."""
        if self._is_guest:
            self._is_guest = False
            self._left(self)


def open_port(address: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises `ListeningImpossible`."""
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = socket.create_server((address.strip("[]"), port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ListeningImpossible(f"{address} port {port}: {error.strerror or error}") from error
    listening.setblocking(False)
    return listening


class Door:
    """Hands every request of whoever is taken to `handler`; one that may stay has to say so within ten seconds."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext, guests: Guests, clock: Clock) -> None:
        self._handler = handler
        self._tls = tls
        self._guests = guests
        self._clock = clock
        self._deadlines = Deadlines(clock)
        self._numbers = itertools.count(1)
        self._expected: dict[Guest, str] = {}

    async def run(self, listening: socket.socket) -> NoReturn:
        """Receive guests until cancelled, then send all away."""
        server = web.Server(self._handler)
        try:
            async with asyncio.TaskGroup() as arrivals:
                arrivals.create_task(self._watch())
                while True:
                    connection, address = await self._next(listening)
                    if self._guests.may_enter(address):
                        arrivals.create_task(self._receive(connection, self._guest(server, address)))
                    else:
                        connection.close()
        finally:
            server.pre_shutdown()
            await server.shutdown(_SHUTDOWN_SECONDS)

    async def _next(self, listening: socket.socket) -> tuple[socket.socket, str]:
        while True:
            try:
                connection, address = await asyncio.get_running_loop().sock_accept(listening)
            except OSError:
                await asyncio.sleep(_OUT_OF_RESOURCES_SECONDS)
            else:
                return connection, str(address[0])

    def _guest(self, server: web.Server, address: str) -> Guest:
        guest = Guest(server, address, self._left)
        self._guests.enter(address)
        self._expected[guest] = f"guest {next(self._numbers)}"
        self._deadlines.expect(self._expected[guest], guest.cut_off)
        return guest

    async def _receive(self, connection: socket.socket, guest: Guest) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: guest, connection, ssl=self._tls, ssl_handshake_timeout=ANSWER_TIME.total_seconds()
            )
        except OSError:  # no TLS, or no TLS in time
            guest.is_no_guest()

    def _left(self, guest: Guest) -> None:
        self._deadlines.met(self._expected.pop(guest))
        self._guests.leave(guest.address)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep_until(self._deadlines.next_look())
            self._deadlines.expire()
