"""What the API is: its version, what it can do, what the caller may do, and its own description."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from engine.api import wire
from engine.api.answers import answer
from engine.api.handlers.part import Part
from engine.api.openapi import document
from engine.api.peers import actor_of
from engine.api.routes import JSON, Route
from engine.api.schema import About, Rights

API_VERSION = 1


class AboutPart:
    """Describes the other `parts` and itself; `boot` is another one after a restart."""

    capabilities: tuple[str, ...] = ()

    def __init__(self, parts: Sequence[Part], boot: str, *, may_change: bool) -> None:
        self._parts = parts
        self._boot = boot
        self._may_change = may_change

    def routes(self) -> tuple[Route, ...]:
        """Return the requests of this group."""
        return (
            Route("GET", "/v1", "about", "Version, capabilities and the caller's rights", self._about, About),
            Route("GET", "/v1/openapi.json", "openapi", "This document", self._openapi),
        )

    async def _about(self, request: web.Request) -> web.Response:
        return answer(
            About(
                api=API_VERSION,
                version=wire.VERSION,
                boot=self._boot,
                capabilities=tuple(name for part in self._parts for name in part.capabilities),
                rights=Rights(read=True, change=self._may_change),
                actor=await actor_of(request),
            )
        )

    async def _openapi(self, request: web.Request) -> web.Response:
        routes = [route for part in (self, *self._parts) for route in part.routes()]
        return web.Response(body=msgspec.json.encode(document(routes)), content_type=JSON)
