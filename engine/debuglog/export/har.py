"""Exchanges as an HTTP Archive (HAR 1.2), which browsers' tools and proxies open.

The format: https://w3c.github.io/web-performance/specs/HAR/Overview.html. Names that begin with an underscore are ours.
"""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from engine.debuglog.model import Kept

NOT_THERE = -1
"""What HAR has for a time or size that is not known, or does not apply."""


def har(exchanges: Iterable[Kept], version: str) -> dict[str, Any]:
    """Return the archive; `version` is ours."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "calendar-engine", "version": version},
            "entries": [_entry(kept) for kept in exchanges],
        }
    }


def _entry(kept: Kept) -> dict[str, Any]:
    row = kept.row
    timings = _timings(kept)
    return {
        "startedDateTime": datetime.fromtimestamp(row.at - row.ms / 1000, UTC).isoformat(timespec="milliseconds"),
        # By the format, the time of TLS is in that of connecting.
        "time": round(sum(ms for name, ms in timings.items() if ms > 0 and name != "ssl"), 3),
        "request": _request(kept),
        "response": _response(kept),
        "cache": {},
        "timings": timings,
        "comment": " ".join(filter(None, (row.operation, *row.codes, row.failure))),
        "_id": row.id,
        "_operation": row.operation,
        "_mailbox": row.mailbox,
        "_user": row.user,
        "_attempt": row.attempt,
        "_lane": row.lane,
    }


def _request(kept: Kept) -> dict[str, Any]:
    particulars = kept.particulars
    request: dict[str, Any] = {
        "method": particulars.method,
        "url": particulars.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(particulars.request_headers),
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(urlsplit(particulars.url).query, keep_blank_values=True)
        ],
        "headersSize": NOT_THERE,
        "bodySize": particulars.request_size,
    }
    if kept.request:
        request["postData"] = {
            "mimeType": _media_type(particulars.request_headers),
            "text": kept.request.decode(errors="replace"),
        }
    return request


def _response(kept: Kept) -> dict[str, Any]:
    particulars, status = kept.particulars, kept.row.status
    content: dict[str, Any] = {
        "size": particulars.response_size,
        "mimeType": _media_type(particulars.response_headers),
    }
    try:
        content["text"] = kept.response.decode()
    except UnicodeDecodeError:
        content |= {"text": base64.b64encode(kept.response).decode(), "encoding": "base64"}
    locations = (value for name, value in particulars.response_headers if name.lower() == "location")
    return {
        # Nought is how browsers write down that no answer came.
        "status": status or 0,
        "statusText": _phrase(status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(particulars.response_headers),
        "content": content,
        "redirectURL": next(locations, ""),
        "headersSize": NOT_THERE,
        "bodySize": particulars.response_size if status is not None else NOT_THERE,
    }


def _timings(kept: Kept) -> dict[str, float]:
    phases = dict(kept.particulars.phases)
    waited = phases.get("queue", 0.0) + phases.get("login", 0.0)
    connect, tls = phases.get("connect"), phases.get("tls")
    return {
        "blocked": round(waited, 3) if waited else NOT_THERE,
        "dns": NOT_THERE,
        "connect": NOT_THERE if connect is None else round(connect + (tls or 0.0), 3),
        "ssl": NOT_THERE if tls is None else tls,
        "send": phases.get("send", 0.0),
        "wait": phases.get("wait", 0.0),
        "receive": phases.get("receive", 0.0),
    }


def _headers(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _media_type(headers: Iterable[tuple[str, str]]) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "")


def _phrase(status: int | None) -> str:
    try:
        return HTTPStatus(status or 0).phrase
    except ValueError:
        return ""
