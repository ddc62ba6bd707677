"""The debug log as the API serves it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aiohttp import web

from engine.api.schema import Actor, FieldProblem, Problem
from engine.api.schema.log import (
    CaptureQuestion,
    CaptureState,
    Diagnosis,
    FilterAnswer,
    FilterChip,
    FilterCompletion,
    FilterMistake,
    Finding,
    LogBody,
    LogEvent,
    LogExchange,
    LogFigures,
    LogFilterQuestion,
    LogHeader,
    LogHistogram,
    LogPage,
    LogPhase,
    LogQuestion,
    LogRow,
    LogStatistics,
)
from engine.core.clock import Clock
from engine.core.errors import slug_of
from engine.debuglog import query
from engine.debuglog.entry import EntryRow, LogEntry, Peer
from engine.debuglog.filter.complete import Completion, complete
from engine.debuglog.filter.model import Filter, canonical
from engine.debuglog.filter.parse import Chip, FilterNotUnderstood, chips, parse
from engine.debuglog.histogram import Histogram
from engine.debuglog.pbx import REASON
from engine.debuglog.pretty_xml import pretty
from engine.debuglog.query import LogReader
from engine.debuglog.recorder import MEGABYTE, Capture, CaptureStatus
from engine.debuglog.statistics import ErrorCount, Figures
from engine.debuglog.switch import CaptureSwitch
from engine.exchange.diagnosis import Diagnosed, ServiceAccount, diagnose, known_codes, stranger_in
from engine.pbx.errors import failure_named
from engine.server.convert import converted
from engine.server.http import MAY_CHANGE, ApiError, not_for_readers
from engine.server.state import ApiState

NAMED = 10
"""Maximum number of mailboxes named per kind of error."""

# These identify the request in the logs of Exchange, and the server that answered.
# https://learn.microsoft.com/exchange/client-developer/exchange-web-services/instrumenting-client-requests-for-ews-and-rest-in-exchange
_OF_THE_SERVER = frozenset(
    (
        *("client-request-id", "date", "request-id", "x-feserver", "x-beserver", "x-targetbeserver"),
        *("x-calculatedbetarget", "x-diaginfo", "x-caserrorcode", "x-ms-diagnostics", "x-ews-policy-reason"),
        *("x-ms-request-id", "x-ms-ests-server", "retry-after", "server"),
    )
)
_POLICY = "x-ews-policy-reason"


def _failure_of_pbx(this: EntryRow | ErrorCount, reason: str) -> tuple[Diagnosis, ...]:
    """Return the meaning of a failure of the PBX link, none if there is none."""
    if not this.failure:
        return ()
    failure = failure_named(this.failure)
    return (
        Diagnosis(
            code=this.failure,
            type=this.failure,
            meaning=failure.meaning,
            cause=reason,
            remedy=failure.remedy,
            command="",
            reaction="",
            fault=failure.fault,
            scope=failure.scope,
        ),
    )


def log_row(this: EntryRow, account: ServiceAccount) -> LogRow:
    """Return an entry as a row of a list."""
    found = _diagnosed(this, account)
    problem = slug_of(found[0].failure) if found else this.failure
    return converted(this, LogRow, at=_instant(this.at), problem=problem, decision=found[0].in_short if found else "")


def exchange(this: LogEntry, account: ServiceAccount) -> LogExchange:
    """Return an entry without its bodies."""
    particulars = this.particulars
    headers = _answered(this)
    if this.row.peer is Peer.PBX:
        found = _failure_of_pbx(this.row, headers.get(REASON, ""))
    else:
        by_policy = _POLICY in headers
        found = tuple(map(diagnosis, _diagnosed(this.row, account, by_policy=by_policy, stranger=_stranger(this))))
    return LogExchange(
        row=log_row(this.row, account),
        method=particulars.method,
        url=particulars.url,
        request_id=this.request_id,
        request_headers=_headers(particulars.request_headers),
        response_headers=_headers(particulars.response_headers),
        server=_headers((name, value) for name, value in headers.items() if name in _OF_THE_SERVER),
        phases=tuple(LogPhase(name=name, ms=ms) for name, ms in particulars.phases),
        request=_body(this.request, particulars.request_size, dict(particulars.request_headers)),
        response=_body(this.response, particulars.response_size, headers),
        diagnosis=found,
    )


def diagnosis(this: Diagnosed) -> Diagnosis:
    """Return the meaning of a code."""
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


def finding(this: ErrorCount, newest: LogEntry | None, account: ServiceAccount) -> Finding | None:
    """Return a kind of error with its remedy; its `newest` entry shows what answers in place of Exchange."""
    answered = _answered(newest) if newest is not None else {}
    if this.peer is Peer.PBX:
        found = _failure_of_pbx(this, answered.get(REASON, ""))
    else:
        diagnosed = diagnose(
            account,
            operation=this.operation,
            status=this.status,
            codes=this.codes,
            failure=this.failure,
            mailbox=this.mailboxes[0] if this.mailboxes else "",
            by_policy=_POLICY in answered,
            stranger=_stranger(newest) if newest is not None else "",
        )
        found = tuple(map(diagnosis, diagnosed))
    if not found:
        return None
    return Finding(
        diagnosis=found[0],
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


def histogram_answer(this: Histogram) -> LogHistogram:
    """Return how many entries ended when."""
    ends = {
        name: None if at is None else _instant(at) for name, at in (("oldest", this.oldest), ("newest", this.newest))
    }
    return converted(this, LogHistogram, begin=_instant(this.begin), **ends)


def _code(these: Figures) -> str:
    code = these.codes[0] if these.codes else ""
    return code or these.failure or (f"HTTP {these.status}" if these.status else "")


def filter_answer(typed: str, completions: Iterable[Completion]) -> FilterAnswer:
    """Return the meaning of a filter, or the position of its error."""
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


def capture_state(this: CaptureStatus) -> CaptureState:
    """Return the state of capturing."""
    return converted(
        this,
        CaptureState,
        on=this.switch.on,
        peers=tuple(sorted(this.switch.peers)),
        mailboxes=tuple(sorted(this.switch.mailboxes)),
        until=this.switch.until,
        actor=this.switch.actor,
        subjects=this.settings.subjects,
        max_bytes=this.settings.max_megabytes * MEGABYTE,
        max_days=this.settings.max_days,
        oldest=None if this.oldest_at is None else _instant(this.oldest_at),
    )


def _diagnosed(
    this: EntryRow, account: ServiceAccount, *, by_policy: bool = False, stranger: str = ""
) -> tuple[Diagnosed, ...]:
    if not this.error or this.peer is Peer.PBX:
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


def _answered(this: LogEntry) -> dict[str, str]:
    """Return the response headers by their lower-case names."""
    return {name.lower(): value for name, value in this.particulars.response_headers}


def _stranger(this: LogEntry) -> str:
    return stranger_in(this.row.status, _answered(this), this.response) if this.row.failure else ""


def _headers(pairs: Iterable[tuple[str, str]]) -> tuple[LogHeader, ...]:
    return tuple(LogHeader(name=name, value=value) for name, value in pairs)


def _body(kept: bytes, size: int, headers: Mapping[str, str]) -> LogBody:
    media_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return LogBody(size=size, kept=len(kept), media_type=media_type)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class LogService:
    """Debug log for the API: capture, queries, diagnosis. `account` appears in commands; `clock` is calendar time.

    `bodies_for_readers`: the read-only socket gives everything.
    """

    def __init__(
        self,
        api_state: ApiState,
        capture: Capture,
        log: LogReader,
        account: Callable[[], ServiceAccount],
        clock: Clock,
        bodies_for_readers: Callable[[], bool] = lambda: False,
    ) -> None:
        self.reader = log
        self.account = account
        self._bodies_for_readers = bodies_for_readers
        self._api_state = api_state
        self._capture = capture
        self._clock = clock
        self._before = self.state()
        capture.observe(self._told)

    def now_filter(self, text: str) -> Filter:
        """Parse a filter. Raises `ApiError`, with the column of the error."""
        try:
            return parse(text)
        except FilterNotUnderstood as mistake:
            raise ApiError(
                Problem(
                    type="invalid-filter",
                    title="The filter is invalid",
                    status=422,
                    detail=mistake.detail,
                    hint=mistake.hint or mistake.remedy,
                    fields=(FieldProblem(pointer="?filter", detail=mistake.detail),),
                )
            ) from mistake

    async def page(self, question: LogQuestion) -> LogPage:
        """Return the requested page of entries."""
        this = self.now_filter(question.filter)
        found = await self.reader.rows(
            this, self._clock.now(), before=question.before, after=question.after, limit=question.limit
        )
        account = self.account()
        rows = tuple(log_row(row, account) for row in found.rows)
        return LogPage(rows=rows, next=found.next, newest=found.newest)

    def check_reader(self, request: web.Request, what: str) -> None:
        """Raise `ApiError` unless the caller may see bodies and names."""
        if not request.app[MAY_CHANGE] and not self._bodies_for_readers():
            raise not_for_readers(what)

    def now(self) -> datetime:
        """Return calendar time."""
        return self._clock.now()

    async def pretty(self, body: bytes) -> bytes:
        """Return a body, indented if it is XML."""
        return await self.reader.run(lambda _: pretty(body))

    async def check(self, question: LogFilterQuestion) -> FilterAnswer:
        """Check a filter being typed, and return its completions."""
        typed = question.filter
        cursor = len(typed) if question.cursor is None else min(question.cursor, len(typed))
        known = await self.reader.run(query.known)
        codes = tuple(dict.fromkeys((*known.codes, *known_codes())))
        completions = complete(typed, cursor, replace(known, codes=codes))
        return filter_answer(typed, completions)

    async def kept(self, number: int) -> LogEntry | None:
        """Return one entry."""
        return await self.reader.exchange(number)

    def state(self) -> CaptureState:
        """Return the state of capturing."""
        return capture_state(self._capture.status())

    async def switch(self, question: CaptureQuestion, actor: Actor) -> CaptureState:
        """Switch capturing on or off, with an entry in the audit log."""
        until = self._clock.now() + timedelta(seconds=question.seconds) if question.seconds and question.on else None
        mailboxes = frozenset(each.lower() for each in question.mailboxes) if question.on else frozenset[str]()
        peers = frozenset(map(Peer, question.peers)) if question.on else frozenset[Peer]()
        await self._api_state.audit_change(actor, "log", _in_words(question))
        self._capture.switch(
            CaptureSwitch(peers=peers, mailboxes=mailboxes, until=until, actor=actor.user or f"uid {actor.uid}")
        )
        return self.state()

    def _told(self, rows: Sequence[EntryRow]) -> None:
        if not rows:
            before, self._before = self._before, self.state()
            if before.until and not self._before.on and self._clock.now() >= before.until:
                self._api_state.note_own("log", "debug log off, its time has expired")
            self._api_state.events.append("log", lambda number: LogEvent(number=number, capture=self.state()))
            return
        self._api_state.events.append(
            "log", lambda number: LogEvent(number=number, count=len(rows), newest=rows[-1].id)
        )


def _in_words(question: CaptureQuestion) -> str:
    if not question.on:
        return "debug log off"
    whose = f"of {', '.join(question.mailboxes[:10])}" if question.mailboxes else "of all mailboxes"
    more = f" and {len(question.mailboxes) - 10} more" if len(question.mailboxes) > 10 else ""
    time = f", for {question.seconds:.0f} s" if question.seconds else ""
    side = "" if len(set(question.peers)) > 1 else f", side {question.peers[0]}"
    return f"debug log on {whose}{more}{side}{time}"
