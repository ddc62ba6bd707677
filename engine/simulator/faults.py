"""Faults of a simulated HTTP server, for one request, for some, or until cleared."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

HTML = {"Content-Type": "text/html; charset=utf-8"}
XML = {"Content-Type": "text/xml; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer, but only after that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Answer only once `release` is set; `reached` is set as soon as a request is waiting for that."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Cut:
    """Abort the connection after that many bytes of the body of the right answer; 0: not even a status line.

    A part of a batch is not answered at all.
    """

    after: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """Send an unrelated response to any request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """Answer 401 although the log-in was right."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """Answer with a response code, in a response message or a SOAP fault (HTTP 500); `values` go into MessageXml."""

    code: str
    message: str = "Simulated."
    values: Mapping[str, str] = field(default_factory=dict)
    in_fault: bool = False


@dataclass(frozen=True, slots=True)
class RedirectAddress:
    """Autodiscover: redirect to another address."""

    address: str


@dataclass(frozen=True, slots=True)
class RedirectUrl:
    """Autodiscover: redirect to another URL."""

    url: str


class Ending(StrEnum):
    """Ending of a response to GetStreamingEvents."""

    CLOSED = "in order, with ConnectionStatus Closed"
    SILENTLY = "with the last chunk, and without a word"
    HALF = "in the middle of an envelope"
    CUT = "with the connection"
    UNKNOWN = "with the ids of all subscriptions, which the server does not know"
    CODE = "with a response code"


@dataclass(frozen=True, slots=True)
class StreamEnds:
    """GetStreamingEvents: send that many `envelopes` with status OK at once, and then end as `how` says.

    `code` is the response code of an answer that ends with one, or with ids.
    """

    how: Ending
    envelopes: int = 1
    code: str = "ErrorInvalidSubscription"


@dataclass(frozen=True, slots=True)
class ODataError:
    """Graph: answer with an error (OData JSON Format 4.01, 21.1); `inner_code` is the code in innerError, if any."""

    status: int
    code: str
    message: str = ""
    inner_code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PagesOverlap:
    """Graph: begin every page but the first with the last entry of the page before."""


@dataclass(frozen=True, slots=True)
class NextLink:
    """Graph: say that this is the link to the next page; "" is the link to the same page again."""

    url: str = ""


Effect: TypeAlias = (
    Delay
    | Hold
    | Cut
    | Reply
    | Unauthorized
    | ErrorCode
    | RedirectAddress
    | RedirectUrl
    | StreamEnds
    | ODataError
    | PagesOverlap
    | NextLink
)


def service_unavailable(retry_after: int | None = None) -> Reply:
    """Return IIS's own 503, with or without Retry-After (seconds)."""
    wait = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Reply(503, b"<h2>Service Unavailable</h2><p>HTTP Error 503. The service is unavailable.</p>", HTML | wait)


def server_busy(back_off_milliseconds: int) -> ErrorCode:
    """Return the SOAP fault for a caller over its budget."""
    values = {"BackOffMilliseconds": str(back_off_milliseconds)}
    message = "The server cannot service this request right now. Try again later."
    return ErrorCode("ErrorServerBusy", message, values, in_fault=True)


def ews_switched_off(reason: str = "EWS is disabled for this user or tenant") -> Reply:
    """Return the 403 of Exchange Online where a policy forbids EWS (Microsoft, "Control access to EWS")."""
    return Reply(403, b"", {"X-EWS-Policy-Reason": reason})


def html_page() -> Reply:
    """Return the log-in page of a proxy, with status 200, in place of Exchange."""
    return Reply(200, b"<!DOCTYPE html><html><body><form>Please log in</form></body></html>", HTML)


def garbage() -> Reply:
    """Return status 200 and bytes declared as text/xml that are not XML."""
    return Reply(200, b"\x00\xff\xfe<soap:Envelope>&&& not XML", XML)


def redirect(location: str, status: int = 302) -> Reply:
    """Return an HTTP redirect."""
    return Reply(status, b"", {"Location": location})


@dataclass(slots=True)
class Fault:
    """An effect and the requests it affects: "" means any. `times` counts down, None lasts until cleared.

    Requests without a log-in are affected (and counted) only if `anonymous` is set.
    """

    effect: Effect
    operation: str = ""
    mailbox: str = ""
    host: str = ""
    path: str = ""
    times: int | None = None
    anonymous: bool = False

    def affects(self, operation: str, mailbox: str, host: str, path: str, logged_in: bool) -> bool:
        """Return whether the fault affects such a request; names are compared ignoring case."""
        if not logged_in and not self.anonymous:
            return False
        pairs = ((self.operation, operation), (self.mailbox, mailbox), (self.host, host), (self.path, path))
        return all(not wanted or wanted.casefold() == actual.casefold() for wanted, actual in pairs)


class Faults:
    """The active faults; several may affect one request, in the order they were set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(
        self,
        effect: Effect,
        *,
        operation: str = "",
        mailbox: str = "",
        host: str = "",
        path: str = "",
        times: int | None = None,
        anonymous: bool = False,
    ) -> Fault:
        """Set a fault and return it; see `Fault` for the arguments."""
        fault = Fault(effect, operation, mailbox, host, path, times, anonymous)
        self._faults.append(fault)
        return fault

    def clear(self, fault: Fault | None = None) -> None:
        """Clear one fault, or all of them."""
        self._faults = [] if fault is None else [kept for kept in self._faults if kept is not fault]

    def take(self, *, operation: str, mailbox: str, host: str, path: str, logged_in: bool) -> list[Effect]:
        """Return the effects on a request, and count them."""
        due = [fault for fault in self._faults if fault.affects(operation, mailbox, host, path, logged_in)]
        for fault in due:
            if fault.times is not None:
                fault.times -= 1
        self._faults = [fault for fault in self._faults if fault.times is None or fault.times > 0]
        return [fault.effect for fault in due]
