"""From the debug log's words to the API's."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from engine.api.convert import converted
from engine.api.schema.log import (
    CaptureState,
    Diagnosis,
    FilterAnswer,
    FilterChip,
    FilterCompletion,
    FilterMistake,
    Finding,
    LogBody,
    LogExchange,
    LogFigures,
    LogHeader,
    LogPhase,
    LogRow,
    LogStatistics,
)
from engine.core.filter.complete import Completion
from engine.core.filter.model import canonical
from engine.core.filter.parse import Chip, FilterNotUnderstood, chips, parse
from engine.debuglog.capture import MEGABYTE, Picture
from engine.debuglog.model import Kept, Row
from engine.debuglog.statistics import Figures, Trouble
from engine.exchange.diagnosis import Account, Diagnosed, diagnose, stranger_in

NAMED = 10
"""Mailboxes that are named with a kind of error."""

# By these an administrator finds the exchange in the logs of Exchange, or learns which of its servers answered.
# https://learn.microsoft.com/exchange/client-developer/exchange-web-services/instrumenting-client-requests-for-ews-and-rest-in-exchange
_OF_THE_SERVER = frozenset(
    (
        *("client-request-id", "date", "request-id", "x-feserver", "x-beserver", "x-targetbeserver"),
        *("x-calculatedbetarget", "x-diaginfo", "x-caserrorcode", "x-ms-diagnostics", "x-ews-policy-reason"),
        *("x-ms-request-id", "x-ms-ests-server", "retry-after", "server"),
    )
)
_POLICY = "x-ews-policy-reason"


def row(this: Row, account: Account) -> LogRow:
    """Return an exchange as a line of a list."""
    found = _diagnosed(this, account)
    return converted(this, LogRow, at=_instant(this.at), decision=found[0].in_short if found else "")


def exchange(this: Kept, account: Account) -> LogExchange:
    """Return a whole exchange, but for its bodies."""
    particulars = this.particulars
    headers = _answered(this)
    found = _diagnosed(this.row, account, by_policy=_POLICY in headers, stranger=_stranger(this))
    return LogExchange(
        row=row(this.row, account),
        method=particulars.method,
        url=particulars.url,
        request_id=this.request_id,
        request_headers=_headers(particulars.request_headers),
        response_headers=_headers(particulars.response_headers),
        server=_headers((name, value) for name, value in headers.items() if name in _OF_THE_SERVER),
        phases=tuple(LogPhase(name=name, ms=ms) for name, ms in particulars.phases),
        request=_body(this.request, particulars.request_size, dict(particulars.request_headers)),
        response=_body(this.response, particulars.response_size, headers),
        diagnosis=tuple(map(diagnosis, found)),
    )


def diagnosis(this: Diagnosed) -> Diagnosis:
    """Return what a code means."""
    failure = this.failure
    return Diagnosis(
        code=this.code,
        type=failure().slug,
        meaning=failure.meaning,
        cause=this.cause,
        remedy=failure.remedy,
        command=this.command,
        reaction=this.reaction,
        fault=failure.fault,
        scope=failure.scope,
    )


def finding(this: Trouble, newest: Kept | None, account: Account) -> Finding | None:
    """Return a kind of error with what to do about it; its `newest` tells what answers in place of Exchange."""
    found = diagnose(
        account,
        operation=this.operation,
        status=this.status,
        codes=this.codes,
        failure=this.failure,
        mailbox=this.mailboxes[0] if this.mailboxes else "",
        by_policy=newest is not None and _POLICY in _answered(newest),
        stranger=_stranger(newest) if newest is not None else "",
    )
    if not found:
        return None
    return Finding(
        diagnosis=diagnosis(found[0]),
        count=this.count,
        users=len(this.mailboxes),
        mailboxes=this.mailboxes[:NAMED],
        newest=this.newest,
        last=_instant(this.last),
    )


def statistics(these: tuple[Figures, ...]) -> LogStatistics:
    """Return figures."""
    return LogStatistics(
        count=sum(each.count for each in these),
        errors=sum(each.errors for each in these),
        begin=_instant(min(each.first for each in these)) if these else None,
        end=_instant(max(each.last for each in these)) if these else None,
        figures=tuple(converted(each, LogFigures, code=_code(each)) for each in these),
    )


def _code(these: Figures) -> str:
    code = these.codes[0] if these.codes else ""
    return code or these.failure or (f"HTTP {these.status}" if these.status else "")


def filter_answer(typed: str, completions: Iterable[Completion]) -> FilterAnswer:
    """Return what a filter says, or where it is wrong."""
    mistake = None
    found: tuple[Chip, ...] = ()
    written = ""
    try:
        written, found = canonical(parse(typed)), chips(typed)
    except FilterNotUnderstood as failure:
        mistake = FilterMistake(column=failure.column, detail=failure.reason, hint=failure.hint)
    return FilterAnswer(
        canonical=written,
        chips=tuple(converted(each, FilterChip) for each in found),
        mistake=mistake,
        completions=tuple(converted(each, FilterCompletion) for each in completions),
    )


def capture_state(this: Picture) -> CaptureState:
    """Return how capturing stands."""
    return converted(
        this,
        CaptureState,
        on=this.switch.on,
        mailboxes=tuple(sorted(this.switch.mailboxes)),
        until=this.switch.until,
        actor=this.switch.actor,
        subjects=this.settings.subjects,
        max_bytes=this.settings.max_megabytes * MEGABYTE,
        max_days=this.settings.max_days,
        oldest=None if this.oldest_at is None else _instant(this.oldest_at),
    )


def _diagnosed(this: Row, account: Account, *, by_policy: bool = False, stranger: str = "") -> tuple[Diagnosed, ...]:
    if not this.error:
        return ()
    return diagnose(
        account,
        operation=this.operation,
        status=this.status,
        codes=this.codes,
        failure=this.failure,
        mailbox=this.mailbox,
        by_policy=by_policy,
        stranger=stranger,
    )


def _answered(this: Kept) -> dict[str, str]:
    """Return the headers of the answer by their names in small letters."""
    return {name.lower(): value for name, value in this.particulars.response_headers}


def _stranger(this: Kept) -> str:
    return stranger_in(this.row.status, _answered(this), this.response) if this.row.failure else ""


def _headers(pairs: Iterable[tuple[str, str]]) -> tuple[LogHeader, ...]:
    return tuple(LogHeader(name=name, value=value) for name, value in pairs)


def _body(kept: bytes, size: int, headers: Mapping[str, str]) -> LogBody:
    told = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return LogBody(size=size, kept=len(kept), media_type=told)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
