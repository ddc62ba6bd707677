"""The metrics for a Prometheus on this machine, over TCP: one path, for reading, from loopback alone."""

import asyncio

from aiohttp import web

from engine.api.answers import figures
from engine.api.desk import Desk
from engine.api.failures import MetricsPortUnusable

LOOPBACK = "127.0.0.1"


class MetricsServer:
    """Answers `GET /metrics` at `port` from what `desk` knows, and nothing else."""

    def __init__(self, desk: Desk, port: int) -> None:
        self._desk = desk
        self._port = port

    async def serve(self) -> None:
        """Answer until cancelled. Raises `MetricsPortUnusable`."""
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, LOOPBACK, self._port).start()
            await asyncio.Event().wait()
        except OSError as error:
            raise MetricsPortUnusable(f"{LOOPBACK}:{self._port}: {error.strerror}") from error
        finally:
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        return figures(self._desk)
