"""The view of the debug log; its content comes from calendar_tui.documents.log_list."""

from datetime import UTC, datetime
from functools import partial

from calendar_tui.documents.log_filter import mistake_document, typed_time
from calendar_tui.documents.log_list import chips_line
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.private_files import write_here
from calendar_tui.screens.log_base import LogBaseView
from calendar_tui.screens.view import Question, Shell
from engine.api.errors import ClientFailure
from engine.api.resources.log import Export
from engine.api.schema.log import FilterAnswer, LogExportQuestion, LogFilterQuestion, LogQuestion
from engine.documents.lines import Document, Span
from engine.documents.log_rows import heads
from engine.documents.log_status import capture_line, quoted

FILTER_HINT = 'user:anna op:FindItem code:ErrorServerBusy is:error body:"text"'


class LogView(LogBaseView):
    """Shows a log of any length, with new entries as they arrive."""

    NAME = "log"
    TAB = NAME

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._understood: FilterAnswer | None = None

    def row(self) -> Row:
        """Return the state of capturing, and where one is."""
        return Row((Span("Debug log"),), self.where())

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the entries below the conditions."""
        above = [*mistake_document(self._understood, width), capture_line(self.capture, self.model.zone, width)]
        if self.conditions.all and not self.shell.is_asking:
            above.append(chips_line(self.conditions))
        return self.entries(width, Document([*above, *heads(width)]))

    def narrow(self, *conditions: str) -> None:
        """Filter the log, starting with the newest entry."""
        self.apply(self.conditions.typed(conditions))

    def chosen(self, key: str) -> None:
        """Open an entry."""
        from calendar_tui.screens.log_entry import LogEntryView

        self.shell.push(LogEntryView(self.shell, self, int(key)))

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
        row = self.selected()
        if row is not None:
            self.apply(self.conditions.with_one(f"user:{quoted(row.mailbox or row.user)}"))

    def action_this_operation(self) -> None:
        """Filter by the operation of the selected entry."""
        row = self.selected()
        if row is not None:
            self.apply(self.conditions.with_one(f"op:{quoted(row.operation)}"))

    def action_mark(self) -> None:
        """Mark or unmark the selected entry."""
        row = self.selected()
        if row is not None:
            self.marks.toggle(row.id)
            self.show()

    def action_next_mark(self, step: int) -> None:
        """Go to the next or previous mark."""
        row = self.selected()
        found = self.marks.next(row.id if row else 0, step)
        if found is None:
            self.tell("No entry is marked; m marks one.")
        elif self.window.position(found) is None:
            self.go_to(found)
        else:
            self.window.pause()
            self.list.go_to(str(found))
            self.show()

    def action_conditions(self) -> None:
        """Open the dialog of the conditions."""
        from calendar_tui.screens.log_dialogs import ConditionsView

        self.shell.push(ConditionsView(self.shell, self))

    def action_statistics(self) -> None:
        """Open the errors and statistics of the matching entries."""
        from calendar_tui.screens.log_dialogs import StatisticsView

        self.shell.push(StatisticsView(self.shell, self))

    def action_capture(self) -> None:
        """Start or stop capturing."""
        from calendar_tui.screens.log_dialogs import CaptureView

        self.shell.push(CaptureView(self.shell, self))

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
        """Ask for conditions."""
        self.shell.ask(
            Question(
                "/ ",
                entered=self._filtered,
                text=f"{self.conditions.text} ".lstrip(),
                hint=FILTER_HINT,
                typed=lambda text: self.run(partial(self._understand, text), "understand"),
                left=self._forget,
                completed=self._completed,
            )
        )

    def action_time(self) -> None:
        """Ask for a time."""
        self.shell.ask(Question("time ", entered=self._timed, hint="14:05, 2026-11-22, or 10m ago"))

    def _completed(self, text: str, cursor: int) -> tuple[str, int]:
        """Return the text with the first completion in it."""
        for offered in self._understood.completions if self._understood else ():
            return text[: offered.start] + offered.text + text[offered.end :], offered.start + len(offered.text)
        return text, cursor

    async def _understand(self, text: str) -> None:
        if self.api is not None:
            try:
                cursor = self.shell.field.input.cursor_position
                self._understood = await self.api.understood(LogFilterQuestion(filter=text, cursor=cursor))
            except ClientFailure:
                self._understood = None
            self.show()

    def _forget(self) -> None:
        self._understood = None
        self.show()

    async def _filtered(self, text: str) -> bool:
        if self.api is None:
            return True
        try:
            answer = await self.api.understood(LogFilterQuestion(filter=text))
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
            return False
        if answer.mistake is not None:
            self._understood = answer
            self.show()
            return False
        self._understood = None
        self.narrow(*(chip.text for chip in answer.chips))
        return True

    async def _timed(self, text: str) -> bool:
        instant = typed_time(text, self.model.now, self.model.zone)
        if instant is None:
            self.tell("Not a time: write for instance 14:05, 2026-11-22, 2026-11-22T14:05 or 10m.")
            return False
        await self._go_to_time(instant)
        return True

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
