"""What the API offers: the one table that both the server and its OpenAPI document are made from."""

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import msgspec
from aiohttp import web

JSON = "application/json"
MAY_CHANGE = web.AppKey("may_change", bool)
"""Whether the socket behind which an application answers is the one for changing, too."""


@dataclass(frozen=True, slots=True)
class Route:
    """One request that can be made.

    `answer` is the type of the body of its answer, or text where it is None. `changes`: needs the right to change.
    `headers` are request headers that have a meaning of their own.
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
