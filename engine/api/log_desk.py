"""Everything that requests about the debug log are answered from."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aiohttp import web

from engine.api import log_wire
from engine.api.desk import Desk
from engine.api.problems import Refused, not_for_readers
from engine.api.routes import MAY_CHANGE
from engine.api.schema import Actor, FieldProblem, Problem
from engine.api.schema.log import (
    CaptureQuestion,
    CaptureState,
    FilterAnswer,
    LogEvent,
    LogFilterQuestion,
    LogPage,
    LogQuestion,
)
from engine.core.clock import Clock
from engine.core.filter.complete import complete
from engine.core.filter.model import Filter
from engine.core.filter.parse import FilterNotUnderstood, parse
from engine.core.pretty_xml import pretty
from engine.debuglog import reader
from engine.debuglog.capture import Capture
from engine.debuglog.model import Kept, Row
from engine.debuglog.reader import LogReader
from engine.debuglog.switch import Switch
from engine.exchange.diagnosis import Account, known_codes


class LogDesk:
    """Joins what is captured, read and said about it; `account` is whom commands are about, `clock` calendar time.

    `bodies_for_readers` tells whether the read-only socket gives everything.
    """

    def __init__(
        self,
        desk: Desk,
        capture: Capture,
        log: LogReader,
        account: Callable[[], Account],
        clock: Clock,
        bodies_for_readers: Callable[[], bool] = lambda: False,
    ) -> None:
        self.reader = log
        self.account = account
        self._bodies_for_readers = bodies_for_readers
        self._desk = desk
        self._capture = capture
        self._clock = clock
        self._before = self.state()
        capture.observe(self._told)

    def now_filter(self, text: str) -> Filter:
        """Return the filter that was typed. Raises `Refused`, with the column of the mistake."""
        try:
            return parse(text)
        except FilterNotUnderstood as mistake:
            raise Refused(
                Problem(
                    type="invalid-filter",
                    title="The filter is not understood",
                    status=422,
                    detail=mistake.detail,
                    hint=mistake.hint or mistake.remedy,
                    fields=(FieldProblem(pointer="?filter", detail=mistake.detail),),
                )
            ) from mistake

    async def page(self, question: LogQuestion) -> LogPage:
        """Return the exchanges asked for."""
        this = self.now_filter(question.filter)
        found = await self.reader.rows(
            this, self._clock.now(), before=question.before, after=question.after, limit=question.limit
        )
        account = self.account()
        rows = tuple(log_wire.row(row, account) for row in found.rows)
        return LogPage(rows=rows, next=found.next, newest=found.newest)

    def check_reader(self, request: web.Request, what: str) -> None:
        """Bodies and names are for those who may change something. Raises `Refused`."""
        if not request.app[MAY_CHANGE] and not self._bodies_for_readers():
            raise not_for_readers(what)

    def now(self) -> datetime:
        """Return calendar time."""
        return self._clock.now()

    async def pretty(self, body: bytes) -> bytes:
        """Return a body indented, if it is XML."""
        return await self.reader.run(lambda _: pretty(body))

    async def check(self, question: LogFilterQuestion) -> FilterAnswer:
        """Return what a filter says that is being typed, and how it may go on."""
        typed = question.filter
        cursor = len(typed) if question.cursor is None else min(question.cursor, len(typed))
        known = await self.reader.run(reader.known)
        codes = tuple(dict.fromkeys((*known.codes, *known_codes())))
        completions = complete(typed, cursor, replace(known, codes=codes))
        return log_wire.filter_answer(typed, completions)

    async def kept(self, number: int) -> Kept | None:
        """Return one exchange."""
        return await self.reader.exchange(number)

    def state(self) -> CaptureState:
        """Return how capturing stands."""
        return log_wire.capture_state(self._capture.picture())

    async def switch(self, question: CaptureQuestion, actor: Actor) -> CaptureState:
        """Capture, or do not; who said so is in the audit log."""
        until = self._clock.now() + timedelta(seconds=question.seconds) if question.seconds and question.on else None
        mailboxes = frozenset(each.lower() for each in question.mailboxes) if question.on else frozenset[str]()
        await self._desk.write_down(actor, "log", _in_words(question))
        self._capture.switch(
            Switch(on=question.on, mailboxes=mailboxes, until=until, actor=actor.user or f"uid {actor.uid}")
        )
        return self.state()

    def _told(self, rows: Sequence[Row]) -> None:
        if not rows:
            before, self._before = self._before, self.state()
            if before.until and not self._before.on and self._clock.now() >= before.until:
                self._desk.note_own("log", "debug log off, its time is over")
            self._desk.events.append("log", lambda number: LogEvent(number=number, capture=self.state()))
            return
        self._desk.events.append("log", lambda number: LogEvent(number=number, count=len(rows), newest=rows[-1].id))


def _in_words(question: CaptureQuestion) -> str:
    if not question.on:
        return "debug log off"
    whose = f"of {', '.join(question.mailboxes[:10])}" if question.mailboxes else "of all mailboxes"
    more = f" and {len(question.mailboxes) - 10} more" if len(question.mailboxes) > 10 else ""
    time = f", for {question.seconds:.0f} s" if question.seconds else ""
    return f"debug log on {whose}{more}{time}"
