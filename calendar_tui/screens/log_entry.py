"""The view of one log entry: its outcome and cause, both bodies, the headers, and the next entries."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget

from calendar_tui.documents.frame import WIDE
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.private_files import write_here
from calendar_tui.screens.log_base import LogBaseView
from calendar_tui.screens.view import COPIED, Question, Shell, View, path, remark
from calendar_tui.terminal import CharacterSet
from calendar_tui.widgets.body_pane import BodyPane
from engine.api.errors import ClientFailure
from engine.api.resources.log import LogRequests
from engine.api.schema.log import LogExchange, LogQuestion, LogRow
from engine.display import visible_lines
from engine.documents.log_entry import commands_of, headers, parts_line, summary
from engine.documents.log_status import quoted

SUMMARY, REQUEST, RESPONSE, BODIES, HEADERS = "summary", "request", "response", "bodies", "headers"
ATTEMPTS = 50


class Bodies(Horizontal):
    """Both bodies side by side, or one of them."""

    def __init__(self, letters: CharacterSet) -> None:
        super().__init__(id="bodies")
        self.panes = (BodyPane("request", letters), BodyPane("response", letters))

    def compose(self) -> ComposeResult:
        """Yield the bodies."""
        yield from self.panes


class LogEntryView(View):
    """Shows one entry of the log `log`, which determines the next and previous ones."""

    NAME = "exchange"

    def __init__(self, shell: Shell, log: LogBaseView, id: int) -> None:  # noqa: A002 - as in the API
        super().__init__(shell)
        self._log = log
        self._number = id
        self._part = SUMMARY
        self._raw = False
        self._said = "Asking the engine ..."
        self._exchange: LogExchange | None = None
        self._attempts: Sequence[LogRow] = ()
        self._bodies = Bodies(shell.look.letters)

    def row(self) -> Row:
        """Return the path, and the names of the parts."""
        parts = parts_line(self._parts, self._part).spans[1:]
        return replace(path("Log", str(self._number)), right=parts)

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the selected part, unless it is a body."""
        if self._part not in self._parts:
            self._part = BODIES if self._part in (REQUEST, RESPONSE) else RESPONSE
        if self._exchange is None:
            return Sheet(remark(self._said, width))
        if self._part == HEADERS:
            return Sheet(headers(self._exchange, width))
        return Sheet(summary(self._exchange, self._attempts, width, self.model.zone))

    def form(self) -> Widget | None:
        """Return the bodies, if they are the part."""
        if self._part not in (REQUEST, RESPONSE, BODIES):
            return None
        for pane in self._panes:
            pane.display = self._part in (BODIES, pane.side)
        self.shell.after_drawing(self._fit)
        return self._bodies

    @property
    def _parts(self) -> tuple[str, ...]:
        return (SUMMARY, BODIES, HEADERS) if self.shell.width >= WIDE else (SUMMARY, REQUEST, RESPONSE, HEADERS)

    @property
    def _panes(self) -> tuple[BodyPane, ...]:
        return self._bodies.panes

    @property
    def _pane(self) -> BodyPane | None:
        """The focused body."""
        if self._part not in (REQUEST, RESPONSE, BODIES):
            return None
        seen = [pane for pane in self._panes if pane.display and pane.is_mounted]
        return next((pane for pane in seen if pane.lines.has_focus), seen[-1] if seen else None)

    def focused(self) -> Widget | None:
        """Return the body that gets the focus."""
        return self._pane.lines if self._pane is not None else None

    def chosen(self, key: str) -> None:
        """Open another attempt."""
        self._follow(int(key))

    def action_part(self, step: int) -> None:
        """Go to the next or previous part; if bodies are side by side, both are visited."""
        if self._part == BODIES:
            last = self._panes[-1 if step > 0 else 0]
            if self._pane is not last:
                self.shell.give_focus(last.lines)
                return
        parts = self._parts
        self.action_open_part(parts[(parts.index(self._part) + step) % len(parts)], step)

    def action_open_part(self, part: str, step: int = 1) -> None:
        """Show a part; `step` is the direction that it is entered from."""
        self._part = part
        self.show()
        if part == BODIES:
            self.shell.give_focus(self._panes[0 if step > 0 else -1].lines)

    def action_fold(self) -> None:
        """Fold or unfold the element at the cursor."""
        if self._pane is not None:
            self._pane.fold()

    def action_unfold(self) -> None:
        """Unfold everything."""
        if self._pane is not None:
            self._pane.unfold()

    def action_raw(self) -> None:
        """Show bodies as sent, or indented."""
        self._raw = not self._raw
        for pane in self._panes:
            pane.show_raw(self._raw)
        self._grow()

    def action_search(self) -> None:
        """Ask for words to look for in the bodies."""
        self.shell.ask(Question("/ ", entered=self._searched, hint="search in both bodies"))

    def _searched(self, words: str) -> bool:
        counts = {pane: pane.search(words) for pane in self._panes}
        best = next((pane for pane in (self._pane, *self._panes) if pane is not None and counts[pane]), None)
        if best is not None:
            self._part = BODIES if BODIES in self._parts else best.side
            self.show()
            self.shell.after_drawing(lambda: self._go_to_found(best))
        said = ", ".join(f"{count:,} in the {pane.side}" for pane, count in counts.items())
        self.shell.after_drawing(lambda: self.tell(said))
        return True

    def _go_to_found(self, pane: BodyPane) -> None:
        self.shell.give_focus(pane.lines)
        pane.go_to_found(1)

    def action_found(self, step: int) -> None:
        """Go to the next or previous match."""
        if self._pane is None or not self._pane.go_to_found(step):
            self.tell("No match here; / searches.")

    async def action_step(self, step: int, by: str) -> None:
        """Go to the next or previous entry of the list, of the same user, or of the same operation."""
        if self._exchange is None or self._log.api is None:
            return
        row = self._exchange.row
        filters = {
            "": self._log.conditions.filter,
            "user": f"user:{quoted(row.mailbox or row.user)}",
            "op": f"op:{quoted(row.operation)}",
        }
        after, before = (self._number, None) if step > 0 else (None, self._number)
        question = LogQuestion(filter=filters[by], after=after, before=before, limit=1)
        try:
            page = await self._log.api.page(question)
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
            return
        if page.rows:
            self._follow(page.rows[0].id)
        else:
            self.tell("There are no more.")

    def action_copy_command(self) -> None:
        """Copy the suggested command to the clipboard of the terminal."""
        text = commands_of(self._exchange) if self._exchange else ""
        self._copy(text, "There is no suggested command here.")

    async def action_curl(self) -> None:
        """Copy the entry to the clipboard as a curl command."""
        if self._log.api is not None:
            try:
                self._copy((await self._log.api.curl(self._number)).decode(), "")
            except ClientFailure as failure:
                self.tell(f"{failure}. {failure.remedy}")

    def action_copy(self) -> None:
        """Copy the part to the clipboard."""
        self._copy(self._text(), "Nothing to copy.")

    async def action_save(self) -> None:
        """Write the part to a file."""
        side = self._pane.side if self._pane is not None else self._part
        self.tell(await write_here(f"calendar-log-entry-{self._number}-{side}.txt", self._text().encode()))

    def _copy(self, text: str, otherwise: str) -> None:
        if text:
            self.shell.copy(text)
        self.tell(COPIED if text else otherwise)

    def _text(self) -> str:
        if self._pane is not None:
            return visible_lines(self._pane.text)
        lines, width = self.shell.main.lines, self.shell.main.width
        return "".join(f"{lines.line(index, width).text.rstrip()}\n" for index in range(len(lines)))

    def _follow(self, id: int) -> None:  # noqa: A002 - as in the API
        """Show another entry."""
        if id != self._number:
            self._number, self._exchange, self._attempts = id, None, ()
            self.show()
            self.ask()

    def _fit(self) -> None:
        for pane in self._panes:
            if pane.is_mounted:
                pane.fit()
        self._grow()

    def ask(self) -> None:
        """Request the entry and its bodies."""
        self.run(self._ask, "ask")

    async def _ask(self) -> None:
        log = self._log.api
        if log is None:
            return
        try:
            exchange = await log.exchange(self._number)
            self._exchange = exchange
            for pane in self._panes:
                pane.clear(exchange.request if pane.side == "request" else exchange.response)
            self.show()
            for pane in self._panes:
                await self._load(log, pane)
            question = LogQuestion(filter=f"request:{quoted(exchange.request_id)}", limit=ATTEMPTS)
            page = await log.page(question)
            self._attempts = tuple(reversed(page.rows))
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
            self.tell(self._said)
        self.show()

    async def _load(self, log: LogRequests, pane: BodyPane) -> None:
        data = b""
        while pane.body is not None and len(data) < pane.body.kept:
            portion = await log.portion(self._number, pane.side, len(data))
            data += portion
            if not portion:
                break
        pane.fill(data)

    def _grow(self) -> None:
        self.run(self._lay_out, "grow")

    async def _lay_out(self) -> None:
        """Lay out large bodies a portion at a time, so that keys are handled in between."""
        for pane in self._panes:
            while not pane.complete:
                pane.grow()
                await asyncio.sleep(0)
