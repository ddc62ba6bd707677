"""From an exchange as it was on the wire to what is kept: without secrets, and without what is personal."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from engine.core.redaction.personal import blank_personal
from engine.core.redaction.secrets import Headers, SecretRedactor, as_bytes, joined
from engine.core.traced import PHASES, TracedExchange
from engine.debuglog import facts
from engine.debuglog.model import LARGEST_BODY, Kept, Particulars, Row

MARGIN = 64 * 1024
"""Bytes behind what is kept that are looked at, too: what begins before the cut is seen as a whole."""


class Redacted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An exchange without secrets, with the true sizes of its bodies and headers in the order they came in."""

    traced: TracedExchange
    request_headers: Headers
    response_headers: Headers
    at: datetime
    sent: int
    received: int


def redacted(exchange: TracedExchange, redactor: SecretRedactor, at: datetime) -> Redacted:
    """Return an exchange without any secret, its bodies cut off at `LARGEST_BODY` bytes."""
    request, response = exchange.request[: LARGEST_BODY + MARGIN], exchange.response[: LARGEST_BODY + MARGIN]
    sent, received = redactor.allowed(exchange.request_headers), redactor.allowed(exchange.response_headers)
    if not redactor.finds_nothing_in(joined((as_bytes(sent), as_bytes(received), request))):
        sent, received = redactor.headers(exchange.request_headers), redactor.headers(exchange.response_headers)
        request = redactor.body(request)
    response = redactor.body(response)
    return Redacted(
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


def kept_of(exchange: Redacted, *, subjects: bool, whose: Callable[[str], str]) -> Kept:
    """Return what is written down; `whose` tells the user of a mailbox."""
    traced = exchange.traced
    codes = facts.codes_of(traced.response)
    # Of many mailboxes at once none is the one that it is about.
    mailboxes = facts.mailboxes_of(traced.request)
    mailbox = mailboxes[0] if len(mailboxes) == 1 else ""
    row = Row(
        id=0,
        at=exchange.at.timestamp(),
        ms=round(traced.seconds * 1000, 3),
        operation=facts.operation_of(traced.method, traced.url, traced.request),
        mailbox=mailbox,
        user=whose(mailbox) if mailbox else "",
        status=traced.status,
        codes=codes,
        failure=traced.failure,
        error=bool(traced.failure) or facts.is_error(traced.status, codes),
        part=traced.part,
        attempt=traced.attempt,
        lane=traced.lane,
        sent=exchange.sent,
        received=exchange.received,
    )
    particulars = Particulars(
        method=traced.method,
        url=traced.url,
        request_headers=exchange.request_headers,
        response_headers=exchange.response_headers,
        phases=tuple((name, round(traced.phases[name] * 1000, 3)) for name in PHASES if name in traced.phases),
        request_size=exchange.sent,
        response_size=exchange.received,
    )
    return Kept(
        row=row,
        request_id=traced.request_id,
        particulars=particulars,
        request=b"" if traced.part else blank_personal(traced.request, subjects=subjects),
        response=blank_personal(traced.response, subjects=subjects),
    )


def _cut_off(body: bytes, size: int) -> bytes:
    """Return what is kept of a body that was `size` bytes long; of one that goes on, the end may hold half a secret."""
    unsure = MARGIN if size > LARGEST_BODY + MARGIN else 0
    return body[: min(LARGEST_BODY, max(0, len(body) - unsure))]
