"""The screen of one log entry: its outcome and cause, both bodies, the headers, and the next entries."""

import asyncio
from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from calendar_tui.commands.registry import view_bindings
from calendar_tui.private_files import write_here
from calendar_tui.screens.log_base import LogBaseScreen
from calendar_tui.screens.screen import BaseScreen, Navigator
from calendar_tui.widgets.body_pane import BodyPane
from calendar_tui.widgets.inputs import FilterLine
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.resources.log import LogRequests
from engine.api.schema.log import LogExchange, LogQuestion, LogRow
from engine.display import visible_lines
from engine.documents.lines import Document
from engine.documents.log_entry import commands_of, headers, parts_line, summary
from engine.documents.log_status import quoted

WIDE = 110
"""Minimum number of columns to show request and response side by side."""

SUMMARY, REQUEST, RESPONSE, BODIES, HEADERS = "summary", "request", "response", "bodies", "headers"
ATTEMPTS = 50


class LogEntryScreen(BaseScreen):
    """Shows one entry of the log `log`, which determines the next and previous ones."""

    NAME = "exchange"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, log: LogBaseScreen, id: int) -> None:  # noqa: A002 - as in the API
        super().__init__(shell)
        self._log = log
        self._number = id
        self._part = SUMMARY
        self._raw = False
        self._said = "Asking the engine ..."
        self._exchange: LogExchange | None = None
        self._attempts: Sequence[LogRow] = ()

    def content(self) -> ComposeResult:
        """Return the names of the parts, the search field and the part shown."""
        yield self.lines("parts", "one-line")
        yield FilterLine("search in both bodies", id="search")
        yield self.lines("main", cursor=True)
        with Horizontal(id="bodies"):
            yield BodyPane("request", self.shell.look.letters)
            yield BodyPane("response", self.shell.look.letters)

    def refresh_content(self) -> None:
        """Show the selected part."""
        width = self.app.size.width
        if self._part not in self._parts:
            self._part = BODIES if self._part in (REQUEST, RESPONSE) else RESPONSE
        in_bodies = self._part in (REQUEST, RESPONSE, BODIES)
        main = self.line_view("main")
        main.display = not in_bodies
        self.query_one("#bodies").display = in_bodies
        for pane in self._panes:
            pane.display = self._part in (BODIES, pane.side)
        self.line_view("parts").show(Document([parts_line(self._parts, self._part)]))
        if self._exchange is None:
            main.show(self.placeholder(self._said))
        elif self._part == SUMMARY:
            main.show(summary(self._exchange, self._attempts, width, self.model.zone))
        elif self._part == HEADERS:
            main.show(headers(self._exchange, width))
        self.call_after_refresh(self._fit)

    def breadcrumb(self) -> str:
        """Return the title and its parents."""
        return f"calendar-tui > Log > {self._number}"

    @property
    def _parts(self) -> tuple[str, ...]:
        return (SUMMARY, BODIES, HEADERS) if self.app.size.width >= WIDE else (SUMMARY, REQUEST, RESPONSE, HEADERS)

    @property
    def _panes(self) -> list[BodyPane]:
        return list(self.query(BodyPane))

    @property
    def _pane(self) -> BodyPane | None:
        """The focused body."""
        seen = [pane for pane in self._panes if pane.display]
        return next((pane for pane in seen if pane.lines.has_focus), seen[-1] if seen else None)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open another attempt, or fold or unfold."""
        if event.view.id == "main":
            self._follow(int(event.key))
        else:
            self.action_fold()

    def action_part(self, step: int) -> None:
        """Go to the next or previous part; if bodies are side by side, both are visited."""
        if self._part == BODIES and not self.query_one(f"#{'response' if step > 0 else 'request'}", LineView).has_focus:
            self.query_one(f"#{'response' if step > 0 else 'request'}", LineView).focus()
            return
        parts = self._parts
        self.action_open_part(parts[(parts.index(self._part) + step) % len(parts)], step)

    def action_open_part(self, part: str, step: int = 1) -> None:
        """Show a part; `step` is the direction that it is entered from."""
        self._part = part
        self.show()
        self.query_one(f"#{_focused(part, step)}", LineView).focus()

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
        """Open the search field."""
        self.query_one("#search", FilterLine).open()

    @on(Input.Submitted, "#search")
    def _searched(self, event: Input.Submitted) -> None:
        counts = {pane: pane.search(event.value) for pane in self._panes}
        self._close_search()
        best = next((pane for pane in (self._pane, *self._panes) if pane is not None and counts[pane]), None)
        if best is not None:
            self._part = BODIES if BODIES in self._parts else best.side
            self.show()
            best.lines.focus()
            self.call_after_refresh(best.go_to_found, 1)
        self.tell(", ".join(f"{count:,} in the {pane.side}" for pane, count in counts.items()))

    def action_found(self, step: int) -> None:
        """Go to the next or previous match."""
        if self._pane is None or not self._pane.go_to_found(step):
            self.tell("No match here; / searches.")

    def action_back(self) -> None:
        """Close the search field, or else the screen."""
        if self.query_one("#search", FilterLine).is_open:
            self._close_search()
        else:
            super().action_back()

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
            self.app.copy_to_clipboard(text)
        self.tell("Copied, if the terminal allows it (OSC 52); w writes a file instead." if text else otherwise)

    def _text(self) -> str:
        if self._pane is not None:
            return visible_lines(self._pane.text)
        lines = self.line_view("main").lines
        width = self.app.size.width
        return "".join(f"{lines.line(index, width).text.rstrip()}\n" for index in range(len(lines)))

    def _close_search(self) -> None:
        self.query_one("#search", FilterLine).close()
        shown = self._pane.lines if self._pane is not None else self.line_view("main")
        self.set_focus(shown)

    def _follow(self, id: int) -> None:  # noqa: A002 - as in the API
        """Show another entry."""
        if id != self._number:
            self._number, self._exchange, self._attempts = id, None, ()
            self.show()
            self.ask()

    def _fit(self) -> None:
        for pane in self._panes:
            pane.fit()
        self._grow()

    @work(exclusive=True, group="ask")
    async def ask(self) -> None:
        """Request the entry and its bodies."""
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

    @work(exclusive=True, group="grow")
    async def _grow(self) -> None:
        """Lay out large bodies a portion at a time, so that keys are handled in between."""
        for pane in self._panes:
            while not pane.complete:
                pane.grow()
                await asyncio.sleep(0)


def _focused(part: str, step: int) -> str:
    """Return the id of the widget that gets the focus in a part."""
    if part == BODIES:
        return REQUEST if step > 0 else RESPONSE
    return part if part in (REQUEST, RESPONSE) else "main"
