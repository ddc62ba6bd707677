"""What a request brings along: its query and body as typed values, or an answer that says what is wrong with them."""

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web

from engine.api.problems import Refused, invalid
from engine.api.schema import Problem

Q = TypeVar("Q", bound=msgspec.Struct)

LARGEST_BODY = 4 * 1024 * 1024
"""Bytes; a hundred thousand guids fit."""

BODY_TIMEOUT = 10.0
"""Seconds for a body to arrive completely."""


def query_of(request: web.Request, kind: type[Q]) -> Q:
    """Return the query of a request. A parameter that is given twice counts with its last value."""
    try:
        return msgspec.convert(dict(request.query), kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid("query", error, in_query=True) from error


async def body_of(request: web.Request, kind: type[Q]) -> Q:
    """Return the JSON body of a request; none at all is the same as an empty object."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            body = await request.read()
    except TimeoutError as error:
        problem = Problem(type="too-slow", title="The body did not arrive in time", status=408)
        raise Refused(problem) from error
    except web.RequestPayloadError as error:
        raise invalid("body", ValueError("it is not framed as its headers say"), in_query=False) from error
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise invalid("body", error, in_query=False) from error
