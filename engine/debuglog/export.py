"""Export of debug log entries: HTTP Archive, curl command, support bundle, with or without real names.

The format: https://w3c.github.io/web-performance/specs/HAR/Overview.html. Names that begin with an underscore are ours.
"""

import base64
import io
import shlex
import sqlite3
import ssl
import sys
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from engine.debuglog.entry import EntryRow, LogEntry, Peer
from engine.debuglog.graph import graph_operation
from engine.debuglog.pbx import ASKED_BY_ENGINE
from engine.debuglog.redaction.pbx_messages import blank_persons_in_message
from engine.debuglog.redaction.pseudonyms import Pseudonyms, blank_personal
from engine.debuglog.redaction.spans import BLANKED
from engine.display import operating_system, visible

NOT_THERE = -1
"""HAR's value for a time or size that is unknown or does not apply."""


def har(exchanges: Iterable[LogEntry], version: str) -> dict[str, Any]:
    """Return the archive; `version` is that of this program."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "calendar-engine", "version": version},
            "entries": [_entry(kept) for kept in exchanges],
        }
    }


def _entry(kept: LogEntry) -> dict[str, Any]:
    row = kept.row
    if row.peer is Peer.PBX:
        return _over_websocket(kept)
    timings = _timings(kept)
    return {
        "startedDateTime": datetime.fromtimestamp(row.at - row.ms / 1000, UTC).isoformat(timespec="milliseconds"),
        # In HAR the time of connecting includes that of TLS.
        "time": round(sum(ms for name, ms in timings.items() if ms > 0 and name != "ssl"), 3),
        "request": _request(kept),
        "response": _response(kept),
        "cache": {},
        "timings": timings,
        "comment": " ".join(filter(None, (row.operation, *row.codes, row.failure))),
        **_ours(row),
    }


def _over_websocket(kept: LogEntry) -> dict[str, Any]:
    """Return an entry of the PBX in the form that browsers export for messages over a WebSocket."""
    row, particulars = kept.row, kept.particulars
    begun, ended = row.at - row.ms / 1000, row.at
    kinds = ("send", "receive") if particulars.method == ASKED_BY_ENGINE else ("receive", "send")
    messages = zip(kinds, (begun, ended), (kept.request, kept.response), strict=True)
    unknown = {"httpVersion": "HTTP/1.1", "cookies": [], "headers": [], "headersSize": NOT_THERE, "bodySize": NOT_THERE}
    return {
        "startedDateTime": datetime.fromtimestamp(begun, UTC).isoformat(timespec="milliseconds"),
        "time": row.ms,
        "request": {"method": "GET", "url": particulars.url, "queryString": [], **unknown},
        "response": {
            **unknown,
            "status": HTTPStatus.SWITCHING_PROTOCOLS,
            "statusText": HTTPStatus.SWITCHING_PROTOCOLS.phrase,
            "headers": _headers(particulars.response_headers),
            "content": {"size": 0, "mimeType": ""},
            "redirectURL": "",
        },
        "cache": {},
        "timings": {"send": 0, "wait": row.ms, "receive": 0},
        "comment": " ".join(filter(None, (row.operation, row.failure))),
        "_resourceType": "websocket",
        "_webSocketMessages": [
            {"type": kind, "time": round(at, 3), "opcode": _TEXT_FRAME, "data": text.decode(errors="replace")}
            for kind, at, text in messages
            if text
        ],
        **_ours(row),
    }


_TEXT_FRAME = 1
"""The opcode of a text (RFC 6455)."""


def _ours(row: EntryRow) -> dict[str, Any]:
    return {
        "_id": row.id,
        "_peer": row.peer,
        "_operation": row.operation,
        "_mailbox": row.mailbox,
        "_user": row.user,
        "_attempt": row.attempt,
        "_lane": row.lane,
    }


def _request(kept: LogEntry) -> dict[str, Any]:
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


def _response(kept: LogEntry) -> dict[str, Any]:
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
        # Browsers record 0 if there was no response.
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


def _timings(kept: LogEntry) -> dict[str, float]:
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


_LEFT_TO_CURL = frozenset({"content-length", "host", "connection", "accept-encoding", "authorization"})
_BREAKS = {ord(letter): " " for letter in "\n\t"}


def curl(kept: LogEntry) -> str:
    """Return the command, with placeholders for user name and password, or the token."""
    particulars = kept.particulars
    words = ["curl", "--request", particulars.method, particulars.url]
    if graph_operation(particulars.url):
        words += ["--header", "Authorization: Bearer TOKEN"]
    elif particulars.url.startswith("https:") and kept.row.operation not in ("Token", "Tenant"):
        words += ["--ntlm", "--user", "USER:PASSWORD"]
    for name, value in particulars.request_headers:
        if name.lower() not in _LEFT_TO_CURL and BLANKED not in value:
            words += ["--header", f"{name}: {value}"]
    if kept.request:
        words += ["--data-binary", kept.request.decode(errors="replace")]
    lines = " \\\n  ".join(_pairs(list(map(_quoted, words))))
    return f"{lines}\n"


def _quoted(word: str) -> str:
    """Quote a word for the shell; control characters, which could affect the terminal, are escaped in $'…'."""
    line = word.translate(_BREAKS)
    return shlex.quote(word) if line == visible(line) else f"$'{''.join(map(_escaped, word))}'"


def _escaped(letter: str) -> str:
    """Escape a character for $'…' (POSIX.1-2024, Shell Command Language, 2.2.4)."""
    if letter in "\\'":
        return f"\\{letter}"
    is_harmless = ord(letter) in _BREAKS or letter == visible(letter)
    return letter if is_harmless else "".join(f"\\{byte:03o}" for byte in letter.encode())


def _pairs(words: list[str]) -> list[str]:
    """Join each option and its value on one line."""
    lines: list[str] = []
    for word in words:
        if lines and lines[-1].startswith("--") and " " not in lines[-1] and lines[-1] != "--ntlm":
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def without_persons(kept: LogEntry, pseudonyms: Pseudonyms) -> LogEntry:
    """Return an entry without personal names; an address has the same pseudonym everywhere."""
    particulars = kept.particulars
    blank = blank_persons_in_message if kept.row.peer is Peer.PBX else _blank_personal
    return replace(
        kept,
        row=replace(kept.row, user="", mailbox=pseudonyms.text(kept.row.mailbox)),
        particulars=replace(
            particulars,
            url=pseudonyms.text(particulars.url),
            request_headers=_anonymous_headers(particulars.request_headers, pseudonyms),
            response_headers=_anonymous_headers(particulars.response_headers, pseudonyms),
        ),
        request=pseudonyms.body(blank(kept.request)),
        response=pseudonyms.body(blank(kept.response)),
    )


def _blank_personal(body: bytes) -> bytes:
    return blank_personal(body, subjects=False)


def _anonymous_headers(pairs: tuple[tuple[str, str], ...], pseudonyms: Pseudonyms) -> tuple[tuple[str, str], ...]:
    return tuple((name, pseudonyms.text(value)) for name, value in pairs)


LIBRARIES = ("aiohttp", "cryptography", "httpx", "lxml", "msal", "msgspec", "pyspnego", "tzdata", "zstandard")
_OWNER_ONLY = 0o600 << 16
_EPOCH = (1980, 1, 1, 0, 0, 0)


def bundle(files: Mapping[str, bytes]) -> bytes:
    """Return the zip file; its members are readable by their owner only."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(f"calendar-engine/{name}", _EPOCH)
            member.external_attr = _OWNER_ONLY
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return whole.getvalue()


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    found = {
        "calendar-engine": version("calendar-tui"),
        "python": sys.version.split()[0],
        "system": operating_system(),
        "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version,
    }
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not there"
    return found
