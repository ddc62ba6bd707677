"""JSON batching: up to 20 requests in one, whose answers come in any order.

https://learn.microsoft.com/graph/json-batching
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from engine.core import bounded
from engine.exchange.errors import NotUnderstood
from engine.exchange.graph.requests import GraphRequest

URL = "/$batch"
PARTS = 20
"""The most that Graph takes."""

HTTP_STATUSES = range(100, 600)


class _Part(msgspec.Struct, omit_defaults=True):
    id: str
    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: Mapping[str, object] | None = None


class _Batch(msgspec.Struct):
    requests: list[_Part]


class _PartOfAnswer(msgspec.Struct):
    id: str | int | None = None
    status: int | None = None
    headers: dict[str, str | None] | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")


class _AnswerToBatch(msgspec.Struct):
    responses: list[msgspec.Raw]


class GraphAnswer(msgspec.Struct, frozen=True):
    """The answer to one request; the names in `headers` are in lower case, `body` is JSON or empty."""

    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


def encode_batch(requests: Sequence[GraphRequest]) -> bytes:
    """Return the body of a batch of 1 to 20 requests; the first one gets the id "1"."""
    return msgspec.json.encode(
        _Batch(
            [
                _Part(str(number), each.method, each.url, dict(each.headers), each.body)
                for number, each in enumerate(requests, 1)
            ]
        )
    )


def decode_batch(body: bytes, number_of_requests: int) -> list[GraphAnswer | None]:
    """Return the answer to each request of a batch, in their order; None where there is none.

    An answer that came twice is not to be trusted, and counts as none; what was not requested is ignored. Raises
    `NotUnderstood` if the body is no answer to a batch.
    """
    try:
        parts = bounded.json(body, _AnswerToBatch).responses
    except bounded.NotReadable as error:
        raise NotUnderstood(f"the answer to a batch: {error}") from None
    found: dict[int, list[GraphAnswer]] = {number: [] for number in range(1, number_of_requests + 1)}
    for raw in parts:
        part = _decoded(bytes(raw))
        number = _number(part.id) if part is not None else None
        if part is not None and number in found:
            found[number].append(_answer(part))
    return [each[0] if len(each) == 1 else None for each in found.values()]


def _decoded(raw: bytes) -> _PartOfAnswer | None:
    try:
        part = bounded.json(raw, _PartOfAnswer)
    except bounded.NotReadable:
        return None
    return part if part.status in HTTP_STATUSES else None


def _number(told: str | int | None) -> int | None:
    text = str(told)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(PARTS)) else None


def _answer(part: _PartOfAnswer) -> GraphAnswer:
    headers = {name.lower(): value for name, value in (part.headers or {}).items() if value is not None}
    return GraphAnswer(part.status or 0, headers, bytes(part.body))
