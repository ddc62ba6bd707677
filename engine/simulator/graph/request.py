"""One request to Graph, of its own or a part of a batch, and the answer to it, independent of the socket."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

from engine.simulator.faults import ODataError
from engine.simulator.graph.errors import bad_request

VERSION = "/v1.0"
JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_BETWEEN = re.compile(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")
_KEY = re.compile(r"\('([^']*)'\)")


@dataclass(frozen=True, kw_only=True)
class GraphRequest:
    """Method, host with port, path below the version and query as sent, headers (names in lower case), and the body.

    `part` is the id of a part, "" for a request of its own.
    """

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    part: str = ""

    @property
    def root(self) -> str:
        """The URL of the version."""
        return f"https://{self.host}{VERSION}"

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The segments of the path, decoded; users('key') is the same as users/key (OData URL Conventions, 4.3)."""
        path = _KEY.sub(r"/\1", unquote(self.path)) if "('" in unquote(self.path) else self.path
        return tuple(unquote(each) for each in path.split("/") if each)

    @cached_property
    def options(self) -> Mapping[str, str]:
        """The query options by their names in lower case. Raises Refusal if one is there twice."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            if name.casefold() in found:
                raise bad_request(f"Query option '{name}' was specified more than once, but it must be at most once.")
            found[name.casefold()] = value
        return found

    @cached_property
    def preferences(self) -> Mapping[str, str]:
        """The preferences (RFC 7240) by their names in lower case; a value in quotes is without them."""
        pairs = (each.strip().partition("=") for each in _BETWEEN.split(self.headers.get("prefer", "")))
        return {name.strip().casefold(): value.strip() for name, _, value in pairs if name.strip()}

    def preference(self, name: str) -> str:
        """Return the value of a preference that has to be in quotes; "" where it is not there, or not in quotes."""
        value = self.preferences.get(name, "")
        return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else ""

    def json(self) -> Mapping[str, Any]:
        """Return the object that is the body. Raises Refusal if it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict) or "json" not in self.headers.get("content-type", "").casefold():
            raise bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid "
                "JSON format."
            )
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and content: an object that becomes JSON, or bytes. `code` is that of an error."""

    status: int
    content: Mapping[str, Any] | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""

    @property
    def body(self) -> bytes:
        """The content as bytes."""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


def answered(content: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    """Return the answer to a request that succeeded."""
    return Answer(200, content, {"Content-Type": JSON_TYPE, "Cache-Control": "private"} | dict(headers))


def failed(error: ODataError, request: GraphRequest, request_id: str, date: str) -> Answer:
    """Return the answer that tells an error."""
    inner = {"date": date, "request-id": request_id}
    inner["client-request-id"] = request.headers.get("client-request-id", request_id)
    if error.inner_code:
        inner["code"] = error.inner_code
    content = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
    return Answer(error.status, content, {"Content-Type": JSON_TYPE} | dict(error.headers), error.code)
