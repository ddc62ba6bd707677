"""Accepts connections of the local API within limits, and identifies the process at the other end.

A listener of asyncio accepts every connection, until no file descriptor is left for the PBX and Exchange.
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
"""Maximum connections to one socket; the reserve is for root and the account of the engine."""

SHARE = 8
"""Fraction of all file descriptors that connections to one socket may use: PBX and Exchange need the rest."""

REQUEST_TIME = 10.0
"""Seconds that a connection may be open without a first request."""

KEPT_OPEN = 75.0
"""Seconds that it stays open after a response: clients reuse it within 15 (aiohttp) to 60 (scrapers) seconds, and
closing it at that moment looks to them like a failure."""

ONE_MORE_LOOK = 0.05
"""Seconds of grace: a late event loop sees the timeout before a request that arrived in time."""

OUT_OF_RESOURCES_SECONDS = 1.0
SAID_AGAIN = 600.0
"""Seconds until the same kind of problem is logged again, with a count."""

NOBODY = -1
"""Stands for clients over TCP, whose user is unknown."""

UCRED = struct.Struct("3i")
"""The credentials of the process at the other end (SO_PEERCRED, unix(7)): pid, uid, gid."""


def limits_here(privileged: frozenset[int]) -> Limits:
    """Return the connection limits that fit the file descriptor limit of this process."""
    most = max(16, min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // SHARE))
    return Limits(most, min(MOST_PER_USER, most - most // 4), min(RESERVE, most // 4), privileged)


class ApiConnection(web.RequestHandler):
    """One connection. It is closed if no request arrives in time; input that is not HTTP is counted, never quoted."""

    __slots__ = ("_acceptor", "_answering", "_timer", "actor", "user")

    def __init__(self, acceptor: "Acceptor", server: web.Server, user: int) -> None:
        loop = asyncio.get_running_loop()
        # Bodies are not decompressed: a small one could become huge. No access log is written.
        super().__init__(server, loop=loop, access_log=None, auto_decompress=False)  # type: ignore[arg-type]
        self.user = user
        self.actor: Actor | None = None
        self._acceptor = acceptor
        self._answering = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress."""
        return not self._answering

    @contextmanager
    def answering(self, request: web.BaseRequest) -> Iterator[None]:
        """Keep it open during the context, and for a while after it if the request arrived completely."""
        self._answering += 1
        self._wait(None)
        try:
            yield
        finally:
            self._answering -= 1
            is_whole = request.content.is_eof()
            self._wait(self._acceptor.kept_open if is_whole else self._acceptor.request_time)

    def cut(self) -> None:
        """Abort the connection."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport when the connection is made."""
        super().connection_made(transport)
        self._wait(self._acceptor.request_time)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport when the connection is lost."""
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
        """Answer an invalid request: called by the server for parse errors, and for bugs."""
        if status >= web.HTTPInternalServerError.status_code:
            return super().handle_error(request, status, exc, message)
        self._acceptor.not_understood()
        answer = response(Problem(type="not-understood", title="The request is invalid", status=status))
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **kw: object) -> None:
        """Called by the server for unexpected exceptions; a truncated body is not one."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError | ConnectionError):
            self._acceptor.not_understood()
        else:
            super().log_exception(*args, **kw)

    def _wait(self, seconds: float | None) -> None:
        """Set the timeout of the connection, None for none."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and self.transport is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look_once_more)

    def _look_once_more(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(ONE_MORE_LOOK, self._acceptor.late, self)


class Acceptor:
    """Accepts connections to one socket, shown as `name`, and counts rejected ones in `counters`.

    A connection may stay open for `request_time` without a first request, and for `kept_open` after a response.
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
        self.name = name
        self._counters = counters
        self._admission = Admission[ApiConnection](limits)
        self._said: dict[str, float] = {}

    async def run(self, listener: socket.socket, server: web.Server) -> NoReturn:
        """Pass every connection to `server`, until cancelled."""
        listener.setblocking(False)
        while True:
            connection = await self._next(listener)
            try:
                await self._receive(connection, server)
            except OSError:
                connection.close()  # it is already closed
            except Exception:
                connection.close()
                raise

    def left(self, connection: ApiConnection) -> None:
        """Record the end of a connection."""
        self._admission.leave(connection.user, connection)

    def late(self, connection: ApiConnection) -> None:
        """Record a connection without a request in time."""
        self._counters.connections_cut += 1
        connection.cut()

    def not_understood(self) -> None:
        """Record input that is not HTTP."""
        self._counters.requests_not_understood += 1
        self._say("invalid requests", self._counters.requests_not_understood)

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
            self._say("connections closed, since too many were open", self._counters.connections_cut)
        if not is_taken:
            connection.close()
            return
        handler = ApiConnection(self, server, user)
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
            logger.warning("%s: %s: %d so far", self.name, what, count)


def _user_of(connection: socket.socket) -> int:
    if connection.family != socket.AF_UNIX:
        return NOBODY
    return int(UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))[1])


async def actor_of(request: web.Request) -> Actor:
    """Return the process that connected (SO_PEERCRED, unix(7)).

    The name of its user is looked up on a thread, since that may query a directory service, once for each connection.
    """
    connected = request.protocol
    if isinstance(connected, ApiConnection) and connected.actor is not None:
        return connected.actor
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is None:
        raise web.HTTPBadRequest  # it has gone
    pid, uid, _ = UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
    actor = Actor(uid=uid, pid=pid, user=await asyncio.to_thread(_user_name, uid))
    if isinstance(connected, ApiConnection):
        connected.actor = actor
    return actor


def ourselves() -> Actor:
    """Return this process, for changes made by the engine itself."""
    return Actor(uid=os.getuid(), pid=os.getpid(), user="calendar-engine")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
