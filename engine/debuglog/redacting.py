"""From an exchange as it was on the wire to what is kept: secrets go at once, what is personal before it is stored."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from engine.core.redaction.personal import blank_personal
from engine.core.redaction.secrets import SecretRedactor
from engine.core.traced import PHASES, TracedExchange
from engine.debuglog import facts
from engine.debuglog.model import Kept, Particulars, Row


@dataclass(frozen=True, slots=True)
class Redacted:
    """An exchange without secrets, with the true sizes of its bodies and headers in the order they came in."""

    traced: TracedExchange
    request_headers: tuple[tuple[str, str], ...]
    response_headers: tuple[tuple[str, str], ...]
    at: datetime
    sent: int
    received: int


def redacted(exchange: TracedExchange, redactor: SecretRedactor, at: datetime, longest: int) -> Redacted:
    """Return an exchange without any secret, its bodies cut off at `longest` bytes."""
    sent = 0 if exchange.part else len(exchange.request)
    without = replace(
        exchange,
        url=redactor.url(exchange.url),
        request_headers={},
        response_headers={},
        request=redactor.body(exchange.request)[:longest],
        response=redactor.body(exchange.response)[:longest],
    )
    return Redacted(
        traced=without,
        request_headers=redactor.headers(exchange.request_headers),
        response_headers=redactor.headers(exchange.response_headers),
        at=at,
        sent=sent,
        received=len(exchange.response),
    )


def kept_of(exchange: Redacted, *, subjects: bool, whose: Callable[[str], str]) -> Kept:
    """Return what is written down; `whose` tells the user of a mailbox."""
    traced = exchange.traced
    codes = facts.codes_of(traced)
    # Of many mailboxes at once none is the one that it is about.
    mailboxes = facts.mailboxes_of(traced)
    mailbox = mailboxes[0] if len(mailboxes) == 1 else ""
    request = b"" if traced.part else blank_personal(traced.request, subjects=subjects)
    row = Row(
        id=0,
        at=exchange.at.timestamp(),
        ms=round(traced.seconds * 1000, 3),
        operation=facts.operation_of(traced),
        mailbox=mailbox,
        user=whose(mailbox) if mailbox else "",
        status=traced.status,
        codes=codes,
        failure=traced.failure,
        error=facts.is_error(traced, codes),
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
    response = blank_personal(traced.response, subjects=subjects)
    return Kept(row=row, request_id=traced.request_id, particulars=particulars, request=request, response=response)
