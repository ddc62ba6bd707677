"""The web application behind one socket: every route, what the socket admits to, and failures in one form."""

from collections.abc import Sequence

from aiohttp import web

from engine.api import wire
from engine.api.desk import Desk
from engine.api.handlers.about import AboutPart
from engine.api.handlers.operations import OperationsPart
from engine.api.handlers.part import Part
from engine.api.handlers.state import StatePart
from engine.api.handlers.users import UsersPart
from engine.api.problems import Handler, problems, read_only
from engine.api.requests import LARGEST_BODY
from engine.api.stream import Patience

VERSION_HEADER = "Calendar-Engine-Version"


def make_application(desk: Desk, more: Sequence[Part], patience: Patience, *, may_change: bool) -> web.Application:
    """Return the application for one socket, with what `desk` answers and with `more`.

    Where it may change nothing, all changing requests are refused.
    """
    parts: tuple[Part, ...] = (StatePart(desk, patience), UsersPart(desk), OperationsPart(desk), *more)
    about = AboutPart(parts, desk.events.boot, may_change=may_change)
    application = web.Application(middlewares=[_with_version, problems], client_max_size=LARGEST_BODY)
    every: tuple[Part, ...] = (about, *parts)
    for part in every:
        for route in part.routes():
            handle = route.handle if may_change or not route.changes else _refuse
            application.router.add_route(route.method, route.path, handle, name=route.name)
    return application


async def _refuse(request: web.Request) -> web.StreamResponse:
    raise read_only(request.path)


@web.middleware
async def _with_version(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the version with every answer, so that a client of another one can say so."""
    response = await handler(request)
    if not response.prepared:
        response.headers[VERSION_HEADER] = wire.VERSION
    return response
