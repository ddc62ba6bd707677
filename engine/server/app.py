"""The web applications: the local API on its sockets, and the metrics on a TCP port."""

import asyncio
import ipaddress
import os
import socket
from collections.abc import Sequence
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api.schema import Problem
from engine.server import convert
from engine.server.acceptor import Acceptor, ApiConnection, limits_here
from engine.server.admission import Limits
from engine.server.errors import MetricsPortUnusable
from engine.server.event_stream import StreamTimeouts
from engine.server.handlers.days import DayRoutes
from engine.server.handlers.state import AboutRoutes, OperationRoutes, StateRoutes, figures
from engine.server.handlers.users import UserRoutes
from engine.server.http import LARGEST_BODY, MAY_CHANGE, Handler, Routes, problems, read_only, response
from engine.server.sockets import ListeningSocket, ListeningSockets
from engine.server.state import ApiState
from engine.sync.task_supervisor import Keep

VERSION_HEADER = "Calendar-Engine-Version"


def make_application(
    api_state: ApiState, more: Sequence[Routes], patience: StreamTimeouts, *, may_change: bool
) -> web.Application:
    """Return the application for one socket, with the routes of `api_state` and `more`.

    On the read-only socket, all routes that make changes are refused.
    """
    parts: tuple[Routes, ...] = (
        StateRoutes(api_state, patience),
        UserRoutes(api_state),
        DayRoutes(api_state),
        OperationRoutes(api_state),
        *more,
    )
    about = AboutRoutes(parts, api_state.events.boot, may_change=may_change)
    middlewares = [kept_open, _taken_in_time(api_state, patience), _with_version, problems]
    application = web.Application(middlewares=middlewares, client_max_size=LARGEST_BODY)
    application[MAY_CHANGE] = may_change
    every: tuple[Routes, ...] = (about, *parts)
    for part in every:
        for route in part.routes():
            handle = route.handle if may_change or not route.changes else _refuse
            application.router.add_route(route.method, route.path, handle, name=route.name)
    return application


@web.middleware
async def kept_open(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware that marks the connection as busy, so that it is not closed as idle."""
    if not isinstance(request.protocol, ApiConnection):
        return await handler(request)
    with request.protocol.answering(request):
        return await handler(request)


def _taken_in_time(api_state: ApiState, patience: StreamTimeouts) -> Middleware:
    """Middleware that disconnects clients that do not read a response, which would stay in memory."""

    @web.middleware
    async def send(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        try:
            async with asyncio.timeout(patience.stalled):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            api_state.counters.answers_cut_off += 1
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # it has hung up
        return response

    return send


async def _refuse(request: web.Request) -> web.StreamResponse:
    raise read_only(request.path)


@web.middleware
async def _with_version(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware that adds the version to every response, so that clients can detect a different one."""
    response = await handler(request)
    if not response.prepared:
        response.headers[VERSION_HEADER] = convert.VERSION
    return response


SHUTDOWN_TIMEOUT = 0.4
"""Seconds for requests to finish when the engine stops; event streams end by themselves."""


class ApiServer:
    """Server of the local API, with a separate application per socket so that their rights cannot be mixed up.

    `more` are routes beyond those of `api_state`; `keep` runs a named task and restarts it after a bug.
    """

    def __init__(
        self,
        api_state: ApiState,
        sockets: ListeningSockets,
        keep: Keep,
        patience: StreamTimeouts | None = None,
        more: Sequence[Routes] = (),
    ) -> None:
        self._keep = keep
        self._api_state = api_state
        self._more = more
        self._sockets = sockets
        self._patience = patience or StreamTimeouts()

    async def serve(self) -> None:
        """Answer requests and publish events until cancelled; then stop within a second."""
        runners: list[web.AppRunner] = []
        try:
            async with asyncio.TaskGroup() as group:
                for listening_socket in self._sockets.sockets:
                    runners.append(await self._start(listening_socket))
                    group.create_task(self._accept(listening_socket, runners[-1]))
                group.create_task(self._keep("operations of the API", self._api_state.operations.run))
                group.create_task(self._keep("measuring the lag of the loop", self._api_state.loop_lag.run))
                group.create_task(self._keep("events of the API", self._api_state.publish))
        finally:
            self._api_state.events.close()
            await asyncio.gather(*(runner.cleanup() for runner in runners))
            await self._api_state.audit.save()

    async def _start(self, listening_socket: ListeningSocket) -> web.AppRunner:
        application = make_application(
            self._api_state, self._more, self._patience, may_change=listening_socket.may_change
        )
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
        await runner.setup()
        return runner

    async def _accept(self, listening_socket: ListeningSocket, runner: web.AppRunner) -> None:
        assert runner.server is not None  # noqa: S101 - for the type checker: it is set up
        limits = limits_here(frozenset((0, os.geteuid())))
        acceptor = Acceptor(
            str(listening_socket.path),
            limits,
            self._api_state.counters,
            self._patience.request,
            self._patience.kept_open,
        )
        await self._keep(
            f"accepting at {listening_socket.path.name}",
            partial(acceptor.run, listening_socket.listener, runner.server),
        )


LOOPBACK = "127.0.0.1"
MOST = 16
"""Connections at once."""

BACKLOG = 16


class MetricsServer:
    """Answers `GET /metrics` on `port` from the state in `api_state`, and nothing else.

    `keep` runs a named task and restarts it after a bug.
    """

    def __init__(self, api_state: ApiState, port: int, keep: Keep) -> None:
        self._keep = keep
        self._api_state = api_state
        self._port = port

    async def serve(self) -> None:
        """Serve until cancelled. Raises `MetricsPortUnusable`."""
        application = web.Application(middlewares=[kept_open, problems])
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
        await runner.setup()
        assert runner.server is not None  # noqa: S101 - for the type checker: it is set up
        place = f"{LOOPBACK}:{self._port}"
        acceptor = Acceptor(f"metrics at {place}", Limits(MOST, MOST), self._api_state.counters)
        try:
            with _listening(self._port) as listener:
                await self._keep("serving the metrics", partial(acceptor.run, listener, runner.server))
        finally:
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        if not is_of_loopback(request.headers.getall("Host", [])):
            return response(
                Problem(
                    type="wrong-host",
                    title="Metrics are served under loopback names only",
                    status=421,
                    hint=f"Use http://{LOOPBACK}:{self._port}/metrics, or localhost.",
                )
            )
        return figures(self._api_state)


def is_of_loopback(hosts: list[str]) -> bool:
    """Return whether a request names exactly one host, a loopback name (RFC 9110, section 7.2; RFC 6761, 6.3).

    A foreign web page in a local browser may resolve its own name to this port (DNS rebinding), but sends that name.
    """
    if len(hosts) != 1:
        return False
    host = hosts[0].strip().lower()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.rstrip(".") == "localhost"


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, port), backlog=BACKLOG)
    except OSError as error:
        raise MetricsPortUnusable(f"{LOOPBACK}:{port}: {error.strerror}") from error
