"""The screen of the debug log; its content comes from calendar_tui.documents.log_list."""

from datetime import UTC, datetime

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input

from calendar_tui.commands.registry import view_bindings
from calendar_tui.documents.log_filter import mistake_document, typed_time
from calendar_tui.documents.log_list import chips_line
from calendar_tui.private_files import write_here
from calendar_tui.screens.log_base import LogBaseScreen
from calendar_tui.screens.screen import Navigator
from calendar_tui.widgets.inputs import CompletingLine, FilterLine
from calendar_tui.widgets.line_view import LineView, LogList
from engine.api.errors import ClientFailure
from engine.api.resources.log import Export
from engine.api.schema.log import FilterAnswer, LogExportQuestion, LogFilterQuestion, LogQuestion
from engine.documents.lines import Document
from engine.documents.log_rows import heads
from engine.documents.log_status import capture_line, quoted


class LogScreen(LogBaseScreen):
    """Shows a log of any length, with new entries as they arrive."""

    NAME = "log"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator) -> None:
        super().__init__(shell)
        self._understood: FilterAnswer | None = None

    def content(self) -> ComposeResult:
        """Return the input fields, the conditions, the state of capturing and the list."""
        yield CompletingLine('user:anna op:FindItem code:ErrorServerBusy is:error body:"text"')
        yield FilterLine("14:05, 2026-11-22, or 10m ago", id="time")
        yield self.lines("mistake", "as-needed")
        yield self.lines("chips", "one-line")
        yield self.lines("capture", "one-line")
        yield self.lines("heads", "one-line")
        yield LogList(self.shell.look.letters, cursor=True, id="main")

    def refresh_content(self) -> None:
        """Show the entries in memory, and request missing ones."""
        width = self.app.size.width
        self.line_view("chips").display = (
            bool(self.conditions.all) and not self.query_one("#filter", FilterLine).is_open
        )
        self.line_view("chips").show(Document([chips_line(self.conditions)]))
        self.line_view("capture").show(Document([capture_line(self.capture, self.model.zone, width)]))
        self.line_view("heads").show(heads(width))
        self.show_as_needed("mistake", mistake_document(self._understood, width))
        super().refresh_content()

    def breadcrumb(self) -> str:
        """Return the title and its parent."""
        return "calendar-tui > Log"

    def narrow(self, *conditions: str) -> None:
        """Filter the log, starting with the newest entry."""
        self.apply(self.conditions.typed(conditions))

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open an entry."""
        from calendar_tui.screens.log_entry import LogEntryScreen

        self.app.push_screen(LogEntryScreen(self.shell, self, int(event.key)))

    def action_follow(self) -> None:
        """Follow new entries, or pause."""
        if self.window.following:
            self.window.pause()
            self.show()
        else:
            self.go_to(None)

    def action_condition(self, text: str) -> None:
        """Add a condition, or suspend or resume it."""
        texts = [each.text for each in self.conditions.all]
        self.apply(self.conditions.toggled(texts.index(text)) if text in texts else self.conditions.with_one(text))

    def action_suspend(self) -> None:
        """Suspend or resume all conditions."""
        self.apply(self.conditions.all_toggled())

    def action_this_user(self) -> None:
        """Filter by the user of the selected entry."""
        row = self.row()
        if row is not None:
            self.apply(self.conditions.with_one(f"user:{quoted(row.mailbox or row.user)}"))

    def action_this_operation(self) -> None:
        """Filter by the operation of the selected entry."""
        row = self.row()
        if row is not None:
            self.apply(self.conditions.with_one(f"op:{quoted(row.operation)}"))

    def action_mark(self) -> None:
        """Mark or unmark the selected entry."""
        row = self.row()
        if row is not None:
            self.marks.toggle(row.id)
            self.show()

    def action_next_mark(self, step: int) -> None:
        """Go to the next or previous mark."""
        row = self.row()
        found = self.marks.next(row.id if row else 0, step)
        if found is None:
            self.tell("No entry is marked; m marks one.")
        elif self.window.position(found) is None:
            self.go_to(found)
        else:
            self.window.pause()
            self.log_list.go_to(str(found))
            self.show()

    def action_conditions(self) -> None:
        """Open the dialog of the conditions."""
        from calendar_tui.screens.log_dialogs import ConditionsScreen

        self.app.push_screen(ConditionsScreen(self.shell, self))

    def action_statistics(self) -> None:
        """Open the errors and statistics of the matching entries."""
        from calendar_tui.screens.log_dialogs import StatisticsScreen

        self.app.push_screen(StatisticsScreen(self.shell, self))

    def action_capture(self) -> None:
        """Start or stop capturing."""
        from calendar_tui.screens.log_dialogs import CaptureScreen

        self.app.push_screen(CaptureScreen(self.shell, self))

    async def action_export(self, kind: Export, ending: str) -> None:
        """Export the matching entries to a file."""
        if self.api is None:
            return
        self.tell("Collecting ...")
        try:
            data = await self.api.export(kind, LogExportQuestion(filter=self.conditions.filter))
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
        else:
            self.tell(await write_here(f"calendar-log-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{ending}", data))

    def action_filter(self) -> None:
        """Open the input field for conditions."""
        self._open("filter", f"{self.conditions.text} ".lstrip())

    def action_time(self) -> None:
        """Open the input field for a time."""
        self._open("time", "")

    def action_back(self) -> None:
        """Close the input field, or else the screen."""
        if any(each.is_open for each in self.query(FilterLine)):
            self._close()
        else:
            super().action_back()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        self._understand(event.value, event.input.cursor_position)

    def on_completing_line_complete(self) -> None:
        """Insert the first completion."""
        offered = self._understood.completions if self._understood else ()
        if offered:
            self.query_one("#filter", CompletingLine).put(offered[0].text, offered[0].start, offered[0].end)

    @work(exclusive=True, group="understand")
    async def _understand(self, text: str, cursor: int) -> None:
        if self.api is not None:
            try:
                self._understood = await self.api.understood(LogFilterQuestion(filter=text, cursor=cursor))
            except ClientFailure:
                self._understood = None
            self.show()

    @on(Input.Submitted, "#filter")
    async def _filtered(self, event: Input.Submitted) -> None:
        if self.api is None:
            return
        try:
            answer = await self.api.understood(LogFilterQuestion(filter=event.value))
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
            return
        if answer.mistake is not None:
            self._understood = answer
            self.show()
            return
        self._close()
        self.narrow(*(chip.text for chip in answer.chips))

    @on(Input.Submitted, "#time")
    async def _timed(self, event: Input.Submitted) -> None:
        instant = typed_time(event.value, self.model.now, self.model.zone)
        if instant is None:
            self.tell("Not a time: write for instance 14:05, 2026-11-22, 2026-11-22T14:05 or 10m.")
            return
        self._close()
        await self._go_to_time(instant)

    async def _go_to_time(self, instant: datetime) -> None:
        """Go to the first entry that ended at or after a time."""
        since = f"since:{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        filter_then = f"({self.conditions.filter}) {since}" if self.conditions.filter else since
        try:
            page = await self.api.page(LogQuestion(filter=filter_then, after=0, limit=1)) if self.api else None
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
            return
        if page is not None and page.rows:
            self.go_to(page.rows[0].id)
        else:
            self.go_to(None)
            self.tell("No entry is that recent.")

    def _open(self, id: str, text: str) -> None:  # noqa: A002 - of a widget
        for each in self.query(FilterLine):
            each.close()
        typed = self.query_one(f"#{id}", FilterLine)
        typed.fill(text)
        typed.cursor_position = len(text)
        typed.open()
        self.show()

    def _close(self) -> None:
        self._understood = None
        for each in self.query(FilterLine):
            each.close()
        self.set_focus(self.log_list)
        self.show()
