"""Helpers for requests and responses: routes, bodies, and problems (RFC 9457)."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal, Protocol, TypeVar

import msgspec
from aiohttp import web

from engine.api.schema import FieldProblem, Problem
from engine.core.errors import Failure
from engine.settings.problems import SettingsInvalid
from engine.store.errors import SharedDatabaseFailure

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REFUSALS = {
    404: ("no-such-path", "This path does not exist", "GET /v1/openapi.json lists every path."),
    405: ("method-not-allowed", "This path does not support that method", "The header Allow lists the methods."),
    413: ("too-large", "The body is too large", "Request less at a time."),
}


class ApiError(Exception):
    """Raised to end a request with `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


def not_found(what: str, hint: str) -> ApiError:
    """Return the error for something that does not exist, or no longer does."""
    return ApiError(Problem(type="not-found", title=f"There is no such {what}", status=404, hint=hint))


def problem_from(failure: Failure, status: int | None = None, fields: tuple[FieldProblem, ...] = ()) -> ApiError:
    """Return the error for a request that a failure ends, in its words; `fields` give the details per field."""
    if status is None:
        status = 503 if isinstance(failure, SharedDatabaseFailure) else 422
    return ApiError(
        Problem(
            type=failure.slug,
            title=failure.meaning,
            status=status,
            detail="" if fields else failure.detail,
            hint=failure.remedy,
            fields=fields,
        )
    )


def read_only(path: str) -> ApiError:
    """Return the error for a change on the read-only socket."""
    return ApiError(
        Problem(
            type="read-only",
            title="This socket is read-only",
            status=403,
            detail=f"{path} makes a change.",
            hint="Use engine.sock, as an account that is in its group (engine.socket_group in the settings).",
        )
    )


def not_for_readers(what: str) -> ApiError:
    """Return the error for bodies and names of the debug log on the read-only socket."""
    return ApiError(
        Problem(
            type="not-for-readers",
            title=f"The read-only socket does not give {what}",
            status=403,
            hint="Use engine.sock, as an account that is in its group (engine.socket_group in the settings), "
            "or set debug_log.bodies_for_readers.",
        )
    )


def invalid(what: str, error: Exception, *, in_query: bool) -> ApiError:
    """Return the error for a `what` (query or body) that does not match its schema, naming the field."""
    detail, _, place = str(error).partition(" - at `")
    unknown = re.search(r"unknown field `(.*)`", detail)
    steps = re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", place.removeprefix("key in "))
    path = [name or index for name, index in steps] + ([unknown[1]] if unknown else [])
    fields: tuple[FieldProblem, ...] = ()
    if isinstance(error, msgspec.ValidationError):
        pointer = f"?{path[0]}" if in_query and path else "".join(f"/{_escaped(step)}" for step in path)
        fields = (FieldProblem(pointer=pointer, detail=detail),)
    return ApiError(
        Problem(
            type=f"invalid-{what}",
            title=f"The {what} is invalid",
            # The schema says "date-time", which JSON Schema takes as an annotation only.
            status=422 if "RFC3339" in detail else 400,
            detail=detail,
            hint="GET /v1/openapi.json describes every request.",
            fields=fields,
        )
    )


def named(failure: Failure) -> ApiError:
    """Return the error for a request whose settings or secrets cannot be used."""
    fields: tuple[FieldProblem, ...] = ()
    if isinstance(failure, SettingsInvalid):
        fields = tuple(
            FieldProblem(pointer=f"/settings/{each.key}", detail=f"{each.key} {each.reason}. {each.remedy}")
            for each in failure.problems
        )
    return problem_from(failure, fields=fields)


def response(problem: Problem) -> web.Response:
    """Return the response that carries a problem."""
    return web.Response(status=problem.status, body=msgspec.json.encode(problem), content_type=MEDIA_TYPE)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware that turns exceptions into problem responses and logs unexpected ones."""
    try:
        return await handler(request)
    except ApiError as refused:
        return response(refused.problem)
    except web.HTTPException as error:
        slug, title, hint = _REFUSALS.get(error.status, ("refused", error.reason, ""))
        answer = response(Problem(type=slug, title=title, status=error.status, hint=hint))
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except ConnectionError:
        return web.Response(status=400)  # the client has disconnected
    except Exception:
        logger.exception("answering %s %s", request.method, request.path)
        internal_error = Problem(
            type="engine-mistake",
            title="An internal error of the engine ended this request",
            status=500,
            hint="Please report it with the log. Nothing else is affected.",
        )
        return response(internal_error)


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


JSON = "application/json"
MAY_CHANGE = web.AppKey("may_change", bool)
"""Whether the application serves the socket that allows changes."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the API.

    `answer` is the type of the response body; None means text. `changes`: needs the right to make changes. `headers`
    are the request headers it uses.
    """

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: str
    name: str
    summary: str
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]]
    answer: type[msgspec.Struct] | None = None
    _: KW_ONLY
    media_type: str = JSON
    status: int = 200
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    changes: bool = False
    headers: tuple[str, ...] = ()


def answer(body: msgspec.Struct, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a JSON response."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=JSON, headers=headers)


Q = TypeVar("Q", bound=msgspec.Struct)

LARGEST_BODY = 4 * 1024 * 1024
"""Bytes; enough for a hundred thousand guids."""

BODY_TIMEOUT = 10.0
"""Seconds within which a body must arrive completely."""


def query_of(request: web.Request, kind: type[Q]) -> Q:
    """Parse the query of a request. Of a repeated parameter the last value counts."""
    try:
        return msgspec.convert(dict(request.query), kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid("query", error, in_query=True) from error


async def body_of(request: web.Request, kind: type[Q]) -> Q:
    """Parse the JSON body of a request; an empty body counts as an empty object."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            body = await request.read()
    except TimeoutError as error:
        problem = Problem(type="too-slow", title="The body did not arrive in time", status=408)
        raise ApiError(problem) from error
    except web.RequestPayloadError as error:
        raise invalid("body", ValueError("it is not framed as its headers say"), in_query=False) from error
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise invalid("body", error, in_query=False) from error


class Routes(Protocol):
    """A group of related routes. `capabilities` names its features, for clients that check before they ask."""

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Names listed by `GET /v1`."""
        ...

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        ...
