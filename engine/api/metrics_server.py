"""The metrics for a Prometheus on this machine, over TCP: one path, for reading, from loopback alone."""

import ipaddress
import socket
from functools import partial

from aiohttp import web

from engine.api.acceptor import Acceptor
from engine.api.admission import Limits
from engine.api.answers import figures
from engine.api.application import kept_open
from engine.api.desk import Desk
from engine.api.failures import MetricsPortUnusable
from engine.api.problems import problems, response
from engine.api.schema import Problem
from engine.sync.supervisor import Keep

LOOPBACK = "127.0.0.1"
MOST = 16
"""Connections at once."""

BACKLOG = 16
SHUTDOWN_TIMEOUT = 0.4


class MetricsServer:
    """Answers `GET /metrics` at `port` from what `desk` knows, and nothing else.

    `keep` runs by name what is to start again after a mistake.
    """

    def __init__(self, desk: Desk, port: int, keep: Keep) -> None:
        self._keep = keep
        self._desk = desk
        self._port = port

    async def serve(self) -> None:
        """Answer until cancelled. Raises `MetricsPortUnusable`."""
        application = web.Application(middlewares=[kept_open, problems])
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
        await runner.setup()
        assert runner.server is not None  # noqa: S101 - for the type checker: it is set up
        place = f"{LOOPBACK}:{self._port}"
        acceptor = Acceptor(f"metrics at {place}", Limits(MOST, MOST), self._desk.counters)
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
                    title="Metrics are given to loopback names alone",
                    status=421,
                    hint=f"Ask for http://{LOOPBACK}:{self._port}/metrics, or localhost.",
                )
            )
        return figures(self._desk)


def is_of_loopback(hosts: list[str]) -> bool:
    """Tell whether a request names this machine by a loopback name, once (RFC 9110, section 7.2; RFC 6761, 6.3).

    A page of somebody else's in a browser here may make its own name lead to this port, but sends that name.
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
