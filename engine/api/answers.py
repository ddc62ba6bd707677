"""How an answer is sent."""

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from engine.api import metrics
from engine.api.desk import Desk
from engine.api.routes import JSON


def answer(body: msgspec.Struct, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a body as it is sent."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=JSON, headers=headers)


def figures(desk: Desk) -> web.Response:
    """Return what `desk` knows in figures, as it is sent."""
    text = metrics.exposition(desk.status(), desk.counters, desk.events.listeners, desk.loop_lag)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
