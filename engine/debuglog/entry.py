"""Debug log entries: their fields, the facts read from URLs and bodies, and their redaction."""

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from html import unescape

import msgspec
from msgspec.structs import replace

from engine.core.http_record import PHASES, HttpRecord
from engine.debuglog.graph import graph_mailboxes, graph_operation
from engine.debuglog.redaction.multi_search import MultiSearch
from engine.debuglog.redaction.pseudonyms import blank_personal
from engine.debuglog.redaction.secrets import Headers, SecretRedactor, as_bytes, joined

LARGEST_BODY = 1024 * 1024
"""Maximum bytes of a body that are kept; its true size is recorded as well."""


class Peer(StrEnum):
    """The side that an entry was said to."""

    EXCHANGE = "exchange"
    PBX = "pbx"


class EntryDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Details shown only for a single entry. `phases` are in milliseconds; `method` is SEND or RECEIVE for the PBX."""

    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    response_headers: tuple[tuple[str, str], ...]
    phases: tuple[tuple[str, float], ...]
    request_size: int
    response_size: int


class EntryRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry in a list. `at` is when it ended, in seconds since 1970. `quiet`: it only shows that all is alive."""

    id: int
    at: float
    ms: float
    operation: str
    mailbox: str
    user: str
    status: int | None
    codes: tuple[str, ...]
    failure: str
    error: bool
    part: bool
    attempt: int
    lane: str
    sent: int
    received: int
    peer: Peer
    quiet: bool


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A complete entry as stored, without secrets."""

    row: EntryRow
    request_id: str
    particulars: EntryDetails
    request: bytes
    response: bytes

    def __repr__(self) -> str:
        """Leave the bodies out."""
        return f"Kept({self.row}, {self.request_id}, {self.particulars})"


HEAD = 4096
"""Bytes at the start of a request that contain its operation and mailbox."""

_OPERATION = re.compile(rb"Body(?:\s[^<>]*)?>\s*<(?:[^\s<>/:]+:)?(\w+)")
_IMPERSONATED = re.compile(rb"SmtpAddress>([^<>]{1,320})</")
_ASKED_ABOUT = re.compile(
    rb"(?:UnresolvedEntry|EMailAddress|EmailAddress|Mailbox|Address)>(?:smtp:)?([^<>\s]{1,320}@[^<>\s]+)</"
)
_INNER, _FAULT, _AADSTS, _OAUTH_ERROR = b"InnerErrorResponseCode", b"faultcode", b"AADSTS", b'"error"'
_GRAPH, _OF_A_SCHEDULE = b'"code"', b'"responseCode"'
# Keyed by a prefix that is searched for first.
_CODES = {
    _INNER: re.compile(rb'InnerErrorResponseCode"\s*>\s*(\w{1,80})\s*<'),
    b"ResponseCode": re.compile(rb"ResponseCode(?:\s[^<>]*)?>\s*(\w{1,80})\s*</"),
    b"ErrorCode": re.compile(rb"ErrorCode(?:\s[^<>]*)?>\s*(\w{1,80})\s*</"),
    _FAULT: re.compile(rb"faultcode(?:\s[^<>]*)?>\s*(?:[^\s<>/:]+:)?(\w{1,80})\s*</"),
    _AADSTS: re.compile(rb"\b(AADSTS\d{4,9})\b"),
    _OAUTH_ERROR: re.compile(rb'"error"\s*:\s*"(\w{1,80})"'),
    _GRAPH: re.compile(rb'"code"\s*:\s*"([\w.-]{1,80})"'),
    _OF_A_SCHEDULE: re.compile(rb'"responseCode"\s*:\s*"([\w.-]{1,80})"'),
}
_BEGINNINGS = MultiSearch(_CODES)
# The most specific come first; a line counts only if nothing of the previous ones is found.
_RANKS = ((_INNER, b"ResponseCode", b"ErrorCode"), (_FAULT,), (_AADSTS, _OAUTH_ERROR), (_GRAPH, _OF_A_SCHEDULE))
_FINE = frozenset({"NoError"})
_CHANGE = re.compile(rb"(?:Created|Modified|Deleted|Moved|Copied|NewMail|FreeBusyChanged)Event\b")


def operation_of(method: str, url: str, request: bytes) -> str:
    """Return the name of the operation: that of EWS or Graph, or Autodiscover, GetUserSettings, Token or Tenant."""
    path = url.partition("?")[0].lower()
    if path.endswith("/token"):
        return "Token"
    if path.endswith("/openid-configuration"):
        return "Tenant"
    if operation := graph_operation(url):
        return operation
    found = _OPERATION.search(request, 0, HEAD)
    if found:
        return found[1].decode("ascii", "replace").removesuffix("RequestMessage").removesuffix("Request")
    return "Autodiscover" if "autodiscover" in path else method


def mailboxes_of(url: str, request: bytes) -> tuple[str, ...]:
    """Return the mailboxes a request concerns: the impersonated one, or else all that are queried."""
    if graph_operation(url):
        return graph_mailboxes(url, request)
    acted_for = _IMPERSONATED.search(request, 0, HEAD)
    if acted_for:
        return (_address(acted_for[1]),)
    return tuple(dict.fromkeys(_address(found) for found in _ASKED_ABOUT.findall(request)))


def concerned_by(url: str, request: bytes) -> tuple[str, ...]:
    """Return the mailboxes for which an entry is captured, none if it may concern any mailbox.

    A notification stream concerns a whole group, even if it is requested in the name of one mailbox.
    """
    return () if request.find(b"GetStreamingEvents", 0, HEAD) >= 0 else mailboxes_of(url, request)


def codes_of(response: bytes) -> tuple[str, ...]:
    """Return the distinct response codes of a response, errors first."""
    found = [
        (kind, match[1])
        for kind, start in _BEGINNINGS.where(response)
        if (match := _CODES[kind].match(response, start))
    ]
    for rank in _RANKS:
        codes = dict.fromkeys(code.decode("ascii", "replace") for of in rank for kind, code in found if kind == of)
        if codes:
            return tuple(sorted(codes, key=_FINE.__contains__))
    return ()


def is_error(status: int | None, codes: tuple[str, ...]) -> bool:
    """Return whether a request failed: no response, an error status, or an error code."""
    if status is None or status >= 400:
        return True
    return any(code not in _FINE for code in codes)


def is_quiet(part: bytes) -> bool:
    """Return whether a part of a notification stream tells of no change, but only that the stream is alive."""
    return _CHANGE.search(part) is None


def _address(found: bytes) -> str:
    return unescape(found.decode("utf-8", "replace")).strip()


MARGIN = 64 * 1024
"""Bytes beyond the kept part that are also searched: a secret that starts before the cut is seen as a whole."""


class RedactedRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request and response without secrets, with the true sizes of the bodies and the original order of headers."""

    traced: HttpRecord
    request_headers: Headers
    response_headers: Headers
    at: datetime
    sent: int
    received: int


def redacted(exchange: HttpRecord, redactor: SecretRedactor, at: datetime) -> RedactedRecord:
    """Redact all secrets and truncate the bodies to `LARGEST_BODY` bytes."""
    request, response = exchange.request[: LARGEST_BODY + MARGIN], exchange.response[: LARGEST_BODY + MARGIN]
    sent, received = redactor.allowed(exchange.request_headers), redactor.allowed(exchange.response_headers)
    if not redactor.finds_nothing_in(joined((as_bytes(sent), as_bytes(received), request))):
        sent, received = redactor.headers(exchange.request_headers), redactor.headers(exchange.response_headers)
        request = redactor.body(request)
    response = redactor.body(response)
    return RedactedRecord(
        traced=replace(
            exchange,
            url=redactor.url(exchange.url),
            request_headers={},
            response_headers={},
            request=_cut_off(request, len(exchange.request)),
            response=_cut_off(response, len(exchange.response)),
        ),
        request_headers=sent,
        response_headers=received,
        at=at,
        sent=0 if exchange.part else len(exchange.request),
        received=len(exchange.response),
    )


def kept_of(
    exchange: RedactedRecord, *, subjects: bool, whose: Callable[[str], str], address_of: Callable[[str], str] = str
) -> LogEntry:
    """Return the entry to store; `address_of` maps the name of a mailbox to its address, `whose` that to its user."""
    traced = exchange.traced
    codes = codes_of(traced.response)
    # With many mailboxes at once, none of them is the subject of the request.
    mailboxes = mailboxes_of(traced.url, traced.request)
    mailbox = address_of(mailboxes[0]) if len(mailboxes) == 1 else ""
    error = bool(traced.failure) or is_error(traced.status, codes)
    row = EntryRow(
        id=0,
        at=exchange.at.timestamp(),
        ms=round(traced.seconds * 1000, 3),
        operation=operation_of(traced.method, traced.url, traced.request),
        mailbox=mailbox,
        user=whose(mailbox) if mailbox else "",
        status=traced.status,
        codes=codes,
        failure=traced.failure,
        error=error,
        part=traced.part,
        attempt=traced.attempt,
        lane=traced.lane,
        sent=exchange.sent,
        received=exchange.received,
        peer=Peer.EXCHANGE,
        quiet=traced.part and not error and is_quiet(traced.response),
    )
    particulars = EntryDetails(
        method=traced.method,
        url=traced.url,
        request_headers=exchange.request_headers,
        response_headers=exchange.response_headers,
        phases=tuple((name, round(traced.phases[name] * 1000, 3)) for name in PHASES if name in traced.phases),
        request_size=exchange.sent,
        response_size=exchange.received,
    )
    return LogEntry(
        row=row,
        request_id=traced.request_id,
        particulars=particulars,
        request=b"" if traced.part else blank_personal(traced.request, subjects=subjects),
        response=blank_personal(traced.response, subjects=subjects),
    )


def without_bodies(exchange: HttpRecord, redactor: SecretRedactor, at: datetime) -> RedactedRecord:
    """Redact a request whose bodies are kept elsewhere; their true sizes stay."""
    empty = redacted(replace(exchange, request=b"", response=b""), redactor, at)
    return replace(empty, sent=len(exchange.request), received=len(exchange.response))


def _cut_off(body: bytes, size: int) -> bytes:
    """Return the part of a body of `size` bytes to keep; the end of a truncated one may contain half a secret."""
    unsure = MARGIN if size > LARGEST_BODY + MARGIN else 0
    return body[: min(LARGEST_BODY, max(0, len(body) - unsure))]
