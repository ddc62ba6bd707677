"""Accepts the connections of the local API within limits, and identifies who is at the other end.

A listener of asyncio accepts whatever comes, until no file descriptor is left for the PBX and Exchange.
"""

import asyncio
import logging
import os
import pwd
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from aiohttp import web

from engine.accepting import next_connection
from engine.api.schema import Actor, Problem
from engine.server.admission import Admission, Limits
from engine.server.http import response
from engine.server.metrics import Counters

logger = logging.getLogger(__name__)

MOST, MOST_PER_USER, RESERVE = 256, 128, 32
"""Connections to one socket at once; the reserve is for root and the account of the engine."""

SHARE = 8
"""This part of all file descriptors may be connections to one socket: PBX and Exchange need the rest."""

REQUEST_TIME = 10.0
"""Seconds that a connection may be open without a first request."""

KEPT_OPEN = 75.0
"""Seconds that it stays open after an answer: clients use it again within 15 (aiohttp) to 60 (scrapers) seconds, and
what is closed just then looks to them like a failure."""

ONE_MORE_LOOK = 0.05
"""Seconds. A loop that was held sees that the time is over before it sees the request that came in time."""

OUT_OF_RESOURCES_SECONDS = 1.0
SAID_AGAIN = 600.0
"""Seconds until the same kind of trouble is written to the log once more, with how often it was."""

NOBODY = -1
"""Stands for whoever connects over TCP, where no user is known."""

UCRED = struct.Struct("3i")
"""The credentials of the process at the other end (SO_PEERCRED, unix(7)): pid, uid, gid."""


def limits_here(privileged: frozenset[int]) -> Limits:
    """Return how many connections fit what this process may have open."""
    most = max(16, min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // SHARE))
    return Limits(most, min(MOST_PER_USER, most - most // 4), min(RESERVE, most // 4), privileged)


class Connection(web.RequestHandler):
    """One connection. It is cut if it sends no request in time; what is no HTTP is counted, and never quoted."""

    __slots__ = ("_acceptor", "_answering", "_timer", "user")

    def __init__(self, acceptor: "Acceptor", server: web.Server, user: int) -> None:
        loop = asyncio.get_running_loop()
        # No body is unpacked: a small one could become a huge one. No access log is written.
        super().__init__(server, loop=loop, access_log=None, auto_decompress=False)  # type: ignore[arg-type]
        self.user = user
        self._acceptor = acceptor
        self._answering = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return not self._answering

    @contextmanager
    def answering(self, request: web.BaseRequest) -> Iterator[None]:
        """Have it open for as long as the context lasts, and for a while after it if the request has come whole."""
        self._answering += 1
        self._wait(None)
        try:
            yield
        finally:
            self._answering -= 1
            is_whole = request.content.is_eof()
            self._wait(self._acceptor.kept_open if is_whole else self._acceptor.request_time)

    def cut(self) -> None:
        """End it without a word."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport at the beginning."""
        super().connection_made(transport)
        self._wait(self._acceptor.request_time)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport at the end."""
        super().connection_lost(exc)
        self._wait(None)
        self._acceptor.left(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request: called by the server for what it cannot parse, and for mistakes of ours."""
        if status >= web.HTTPInternalServerError.status_code:
            return super().handle_error(request, status, exc, message)
        self._acceptor.not_understood()
        answer = response(Problem(type="not-understood", title="This is no request that is understood", status=status))
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **kw: object) -> None:
        """Called by the server for what it does not expect; a body that breaks off in the middle is none of that."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError | ConnectionError):
            self._acceptor.not_understood()
        else:
            super().log_exception(*args, **kw)

    def _wait(self, seconds: float | None) -> None:
        """Be cut after so many seconds, or not at all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and self.transport is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look_once_more)

    def _look_once_more(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(ONE_MORE_LOOK, self._acceptor.late, self)


class Acceptor:
    """Accepts connections to one socket, which `name` is for people, and counts what it turned away in `counters`.

    A connection may be open for `request_time` without a first request, and for `kept_open` after an answer.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        counters: Counters,
        request_time: float = REQUEST_TIME,
        kept_open: float = KEPT_OPEN,
    ) -> None:
        self.request_time = request_time
        self.kept_open = kept_open
        self._name = name
        self._counters = counters
        self._admission = Admission[Connection](limits)
        self._said: dict[str, float] = {}

    async def run(self, listener: socket.socket, server: web.Server) -> NoReturn:
        """Hand what is asked for on every connection to `server`, until cancelled."""
        listener.setblocking(False)
        while True:
            connection = await self._next(listener)
            try:
                await self._receive(connection, server)
            except OSError:
                connection.close()  # it has gone already
            except Exception:
                connection.close()
                raise

    def left(self, connection: Connection) -> None:
        """A connection has ended."""
        self._admission.leave(connection.user, connection)

    def late(self, connection: Connection) -> None:
        """Nothing was asked for in time on a connection."""
        self._counters.connections_cut += 1
        connection.cut()

    def not_understood(self) -> None:
        """Somebody has sent what is no HTTP."""
        self._counters.requests_not_understood += 1
        self._say("requests that are not understood", self._counters.requests_not_understood)

    async def _next(self, listener: socket.socket) -> socket.socket:
        while True:
            try:
                connection, _ = await next_connection(listener)
            except OSError as error:
                self._counters.accepts_failed += 1
                self._say(f"connections not accepted ({error.strerror})", self._counters.accepts_failed)
                await asyncio.sleep(OUT_OF_RESOURCES_SECONDS)
            else:
                return connection

    async def _receive(self, connection: socket.socket, server: web.Server) -> None:
        user = _user_of(connection)
        is_taken, victim = self._admission.place_for(user)
        if victim is not None:
            self._admission.leave(victim.user, victim)
            victim.cut()
        if victim is not None or not is_taken:
            self._counters.connections_cut += 1
            self._say("connections cut, since there are too many at once", self._counters.connections_cut)
        if not is_taken:
            connection.close()
            return
        handler = Connection(self, server, user)
        self._admission.enter(user, handler)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: handler, connection)
        except BaseException:
            self.left(handler)
            raise

    def _say(self, what: str, count: int) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._said.get(what, float("-inf")) + SAID_AGAIN:
            self._said[what] = now
            logger.warning("%s: %s: %d so far", self._name, what, count)


def _user_of(connection: socket.socket) -> int:
    if connection.family != socket.AF_UNIX:
        return NOBODY
    return int(UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))[1])


async def actor_of(request: web.Request) -> Actor:
    """Return the process that connected (SO_PEERCRED, unix(7)).

    The name of its user is looked up on a thread, since that may ask a directory service.
    """
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is None:
        raise web.HTTPBadRequest  # it has gone
    pid, uid, _ = UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
    return Actor(uid=uid, pid=pid, user=await asyncio.to_thread(_user_name, uid))


def ourselves() -> Actor:
    """Return this process, for what the engine changes by itself."""
    return Actor(uid=os.getuid(), pid=os.getpid(), user="calendar-engine")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
