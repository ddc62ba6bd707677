"""How an answer is sent."""

import msgspec
from aiohttp import web

from engine.api.routes import JSON


def answer(body: msgspec.Struct, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a body as it is sent."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=JSON, headers=headers)
