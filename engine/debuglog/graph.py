"""What a request to Microsoft Graph is about, and the parts of a batch as requests of their own.

https://learn.microsoft.com/graph/json-batching
"""

import base64
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec.structs import replace

from engine.core.http_record import HttpRecord

BATCH = "batch"
_PATH = re.compile(r"/v1\.0/(?P<path>.*)", re.DOTALL)
_USER = re.compile(r"users/(?P<user>[^/]+)")
_QUOTED = re.compile(r"'(?:smtp:)?((?:[^']|'')+@(?:[^']|'')+)'")
_OF_A_USER = 3
"""Segments of a path that names something of a user."""

_MOST_PARTS = 100
"""Graph takes 20; what is beyond this many is no batch of ours."""


def graph_operation(url: str) -> str:
    """Return the operation of a request to Graph: "batch", "users", or the last word of its path; "" if it is to
    another service."""
    path = _path_of(url)
    if path is None:
        return ""
    if path == "$batch":
        return BATCH
    segments = path.split("/")
    return "users" if segments[0] == "users" and len(segments) < _OF_A_USER else segments[-1]


def graph_mailboxes(url: str, request: bytes) -> tuple[str, ...]:
    """Return the mailboxes that a request to Graph concerns: that of its path, or all that are asked about."""
    path = _path_of(url) or ""
    if path.endswith("/getSchedule"):
        asked = _decoded(request, dict[str, Any]) or {}
        schedules = asked.get("schedules")
        return tuple(str(each) for each in schedules) if isinstance(schedules, list) else ()
    if user := _USER.match(path):
        return (unquote(user["user"]),)
    found = _QUOTED.findall(unquote(url.partition("?")[2]))
    return tuple(dict.fromkeys(each.replace("''", "'") for each in found))


class _Request(msgspec.Struct, frozen=True):
    id: str
    method: str
    url: str
    headers: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw()


class _Response(msgspec.Struct, frozen=True):
    id: str
    status: int
    headers: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw()


class _Requests(msgspec.Struct, frozen=True):
    requests: list[_Request]


class _Responses(msgspec.Struct, frozen=True):
    responses: list[_Response]


def parts_of(batch: HttpRecord) -> tuple[HttpRecord, ...]:
    """Return the parts of a batch in the order they were requested, none if it is no batch, was refused as a whole, or
    cannot be understood.

    The request id of a part is that of the batch, a slash, and its own. A part without an answer has no status.
    """
    if graph_operation(batch.url) != BATCH or batch.status != HTTPStatus.OK:
        return ()
    asked, answered = _decoded(batch.request, _Requests), _decoded(batch.response, _Responses)
    if asked is None or answered is None or len(asked.requests) > _MOST_PARTS:
        return ()
    by_id = {each.id: each for each in answered.responses}
    root = batch.url.removesuffix("/$batch")
    return tuple(_part(batch, root, each, by_id.get(each.id)) for each in asked.requests)


def _part(batch: HttpRecord, root: str, request: _Request, response: _Response | None) -> HttpRecord:
    return replace(
        batch,
        request_id=f"{batch.request_id}/{request.id}",
        method=request.method,
        url=root + request.url,
        request_headers=request.headers,
        request=bytes(request.body),
        status=None if response is None else response.status,
        response_headers=_texts(response.headers) if response else {},
        response=_content(response.body) if response else b"",
    )


def _content(body: msgspec.Raw) -> bytes:
    """Return the body of a part; one that is no JSON comes as text in base64."""
    content = bytes(body)
    if not content.startswith(b'"'):
        return content
    try:
        return base64.b64decode(msgspec.json.decode(content, type=str), validate=True)
    except ValueError:
        return content


def _texts(headers: Mapping[str, object]) -> Mapping[str, str]:
    return {name: str(value) for name, value in headers.items()}


def _path_of(url: str) -> str | None:
    try:
        found = _PATH.fullmatch(urlsplit(url).path)
    except ValueError:  # something in its host was blanked
        return None
    return found["path"] if found else None


def _decoded(text: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
