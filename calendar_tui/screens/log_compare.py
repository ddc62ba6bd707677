"""The view that compares two log entries."""

import asyncio
from collections.abc import Iterable
from functools import partial

from calendar_tui.documents.log_compare import Compared, comparison
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.log_base import LogBaseView
from calendar_tui.screens.view import Shell, View, path, remark
from engine.api.errors import ClientFailure
from engine.api.resources.log import LogRequests
from engine.api.schema.log import BodySide, LogExchange, LogQuestion, LogRow
from engine.documents.body_syntax import body_text
from engine.documents.lines import Document
from engine.documents.log_rows import operation
from engine.documents.log_status import quoted


class CompareView(View):
    """Shows what differs between an entry and the nearest marked one, or else the one before of the same operation."""

    NAME = "comparison"

    def __init__(self, shell: Shell, log: LogBaseView, row: LogRow) -> None:
        super().__init__(shell)
        self._log = log
        self._this = row
        self._said = "… asking the engine"
        self._pair: tuple[Compared, Compared] | None = None
        self._made: tuple[int, Document] | None = None

    def row(self) -> Row:
        """Return the path."""
        return path("Log", operation(self._this), "Comparison", right="- before  + this one")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return what differs."""
        if self._made is None or self._made[0] != width:
            if self._pair is not None:
                self.run(partial(self._compare, self._pair, width), "compare")
            return Sheet(remark(self._said, width))
        return Sheet(self._made[1])

    def ask(self) -> None:
        """Request both entries."""
        self.run(self._ask, "ask")

    async def _ask(self) -> None:
        log = self._log.api
        if log is None or self._pair is not None:
            return
        try:
            other = await self._other(log)
            if other is None:
                self._said = "There is no entry before of this operation, and none is marked: m marks one."
            else:
                first, second = sorted((other, self._this.id))
                self._pair = (await _loaded(log, first), await _loaded(log, second))
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()

    async def _other(self, log: LogRequests) -> int | None:
        """Return the id of the entry to compare with."""
        marked = self._log.marks.next(self._this.id, -1)
        if marked is not None and marked != self._this.id:
            return marked
        words = f"peer:{self._this.peer} op:{quoted(self._this.operation)}"
        page = await log.page(LogQuestion(filter=words, before=self._this.id, limit=1))
        return page.rows[0].id if page.rows else None

    async def _compare(self, pair: tuple[Compared, Compared], width: int) -> None:
        """Compare on another thread: long bodies take a while."""
        document = await asyncio.to_thread(comparison, *pair, self.model.zone, width)
        self._made = (width, document)
        self.show()


async def _loaded(log: LogRequests, id: int) -> Compared:  # noqa: A002 - as in the API
    exchange = await log.exchange(id)
    sides: Iterable[BodySide] = ("request", "response")
    request, response = [await _body(log, exchange, side) for side in sides]
    return Compared(exchange, request, response)


async def _body(log: LogRequests, exchange: LogExchange, side: BodySide) -> str:
    about = exchange.request if side == "request" else exchange.response
    data = await log.body(exchange.row.id, side, pretty=False) if about.kept else b""
    return body_text(data, about.media_type)
