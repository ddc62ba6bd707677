"""The web application behind one socket: every route, what the socket admits to, and failures in one form."""

import asyncio
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from engine.api import wire
from engine.api.acceptor import Connection
from engine.api.desk import Desk
from engine.api.handlers.about import AboutPart
from engine.api.handlers.operations import OperationsPart
from engine.api.handlers.part import Part
from engine.api.handlers.state import StatePart
from engine.api.handlers.users import UsersPart
from engine.api.problems import Handler, problems, read_only
from engine.api.requests import LARGEST_BODY
from engine.api.routes import MAY_CHANGE
from engine.api.stream import Patience

VERSION_HEADER = "Calendar-Engine-Version"


def make_application(desk: Desk, more: Sequence[Part], patience: Patience, *, may_change: bool) -> web.Application:
    """Return the application for one socket, with what `desk` answers and with `more`.

    Where it may change nothing, all changing requests are refused.
    """
    parts: tuple[Part, ...] = (StatePart(desk, patience), UsersPart(desk), OperationsPart(desk), *more)
    about = AboutPart(parts, desk.events.boot, may_change=may_change)
    middlewares = [kept_open, _taken_in_time(desk, patience), _with_version, problems]
    application = web.Application(middlewares=middlewares, client_max_size=LARGEST_BODY)
    application[MAY_CHANGE] = may_change
    every: tuple[Part, ...] = (about, *parts)
    for part in every:
        for route in part.routes():
            handle = route.handle if may_change or not route.changes else _refuse
            application.router.add_route(route.method, route.path, handle, name=route.name)
    return application


@web.middleware
async def kept_open(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the connection while it is answered on, so that it is not cut for being idle."""
    if not isinstance(request.protocol, Connection):
        return await handler(request)
    with request.protocol.answering(request):
        return await handler(request)


def _taken_in_time(desk: Desk, patience: Patience) -> Middleware:
    """Cut off whoever does not take an answer: it would stay in memory for as long as they like."""

    @web.middleware
    async def send(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        try:
            async with asyncio.timeout(patience.stalled):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            desk.counters.answers_cut_off += 1
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
    """Tell the version with every answer, so that a client of another one can say so."""
    response = await handler(request)
    if not response.prepared:
        response.headers[VERSION_HEADER] = wire.VERSION
    return response
