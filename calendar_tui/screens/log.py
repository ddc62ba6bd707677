"""The view of the debug log; its content comes from calendar_tui.documents.log_list."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from calendar_tui.documents.log_export import ENDINGS, file_name, said_of
from calendar_tui.documents.log_filter import mistake_document, narrowed, typed_time
from calendar_tui.documents.log_list import chips_line, hidden_line, state_line
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.private_files import write_new
from calendar_tui.screens.log_base import ERROR, LogBaseView
from calendar_tui.screens.view import Question, Shell, remark
from engine.api.errors import ClientFailure
from engine.api.resources.log import Export
from engine.api.schema.log import FilterAnswer, LogExchange, LogExportQuestion, LogFilterQuestion, LogQuestion
from engine.display import counted
from engine.documents.columns import columns
from engine.documents.lines import Document, Role, Span
from engine.documents.log_entry import summary
from engine.documents.log_rows import heads, operation
from engine.documents.log_status import capture_line, quoted

FILTER_HINT = 'user:anna op:FindItem code:ErrorServerBusy is:error body:"text"'

LINGERING = 0.15
"""Seconds that the cursor stays on an entry before the right pane shows it."""


class LogView(LogBaseView):
    """Shows a log of any length, with new entries as they arrive."""

    NAME = "log"
    TAB = NAME
    PANE = True

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._understood: FilterAnswer | None = None
        self._beside: LogExchange | None = None

    def row(self) -> Row:
        """Return the state of capturing, whether new entries are followed, and the number of errors."""
        window = self.window
        state = state_line(window.following, window.new, self.selected(), self.model.now, self.model.zone)
        right = [Span(state, Role.MUTED)]
        if self.errors:
            right += [Span(f"    {counted(self.errors, 'error')} "), Span("E", Role.KEY, "command('next error')")]
        room = self.shell.width - 3 - sum(columns(span.text) for span in right)
        return Row(capture_line(self.capture, self.model.zone, room, self.model.node).spans[1:], tuple(right))

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the entries below the conditions."""
        above = [*mistake_document(self._understood, width)]
        if self.conditions.all and not self.shell.is_asking:
            above.append(chips_line(self.conditions))
        shown = self.entries(width, Document([*above, *heads(width)]), hidden_line(self.hidden_entries))
        count = self.capture.stored if self.capture is not None else 0
        return replace(shown, title=f"Log {count:,}")

    def pane(self, width: int, height: int) -> Sheet:
        """Return the entry under the cursor."""
        row, beside = self.selected(), self._beside
        if row is None:
            return Sheet(Document())
        title = f"{operation(row)} {row.at.astimezone(self.model.zone):%H:%M:%S}"
        if beside is None or beside.row.id != row.id:
            self.run(partial(self._look, row.id), "beside")
            return Sheet(remark("…", width), title=title)
        return Sheet(summary(beside, (), width, self.model.zone), title=title, place="Enter full")

    async def _look(self, id: int) -> None:  # noqa: A002 - as in the API
        """Request the entry under the cursor, if the cursor stays there."""
        await asyncio.sleep(LINGERING)
        try:
            self._beside = await self.api.exchange(id) if self.api is not None else None
        except ClientFailure as failure:
            self.tell_failure(failure)
        self.show()

    def narrow(self, *conditions: str) -> None:
        """Filter the log, starting with the newest entry."""
        self.apply(self.conditions.typed(conditions))

    def hidden(self) -> None:
        """Remember the entry under the cursor."""
        super().hidden()
        row = self.selected()
        if row is not None:
            self.model.chosen_entry = row.id

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

    def action_quiet(self) -> None:
        """Hide keep-alives, or show them."""
        self.hides_quiet = not self.hides_quiet
        self.list_again()

    def action_condition(self, text: str) -> None:
        """Add a condition, or suspend or resume it."""
        texts = [each.text for each in self.conditions.all]
        self.apply(self.conditions.toggled(texts.index(text)) if text in texts else self.conditions.with_one(text))

    def action_suspend(self) -> None:
        """Suspend or resume all conditions."""
        self.apply(self.conditions.all_toggled())

    def action_drop_all(self) -> None:
        """Drop all conditions; c finds them again."""
        self.apply(self.conditions.none())

    async def action_next_error(self) -> None:
        """Go to the next error; while following, to the newest; after the last, to the first."""
        row = None if self.window.following else self.selected()
        words = narrowed(self.shown_filter, ERROR)
        try:
            found = await self._first(LogQuestion(filter=words, after=row.id if row else None, limit=1))
            if found is None and row is not None:
                found = await self._first(LogQuestion(filter=words, after=0, limit=1))
                self.tell("No later error: this is the first.")
        except ClientFailure as failure:
            self.tell_failure(failure)
            return
        if found is None:
            self.tell("There is no error here.")
        else:
            self.go_to(found)

    async def _first(self, question: LogQuestion) -> int | None:
        """Return the id of the first entry that answers a question, None if there is none."""
        page = await self.api.page(question) if self.api is not None else None
        while page is not None and not page.rows and page.next is not None and self.api is not None:
            page = await self.api.page(LogQuestion(filter=question.filter, after=page.next, limit=1))
        return page.rows[0].id if page is not None and page.rows else None

    def action_this_user(self) -> None:
        """Filter by the user of the selected entry."""
        row = self.selected()
        if row is not None and (row.mailbox or row.user):
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

    def action_compare(self) -> None:
        """Compare the selected entry with the marked one, or else with the one before of the same operation."""
        from calendar_tui.screens.log_compare import CompareView

        row = self.selected()
        if row is not None:
            self.shell.push(CompareView(self.shell, self, row))

    def action_conditions(self) -> None:
        """Open the dialog of the conditions."""
        from calendar_tui.screens.log_conditions import ConditionsView

        self.shell.push(ConditionsView(self.shell, self))

    def action_statistics(self) -> None:
        """Open the figures of the matching entries."""
        from calendar_tui.screens.log_figures import FiguresView

        self.shell.push(FiguresView(self.shell, self))

    def action_capture(self) -> None:
        """Start or stop capturing."""
        from calendar_tui.screens.log_capture import CaptureView

        self.shell.push(CaptureView(self.shell, self))

    def action_export(self, kind: Export) -> None:
        """Ask for the name of a file, and export the matching entries to it."""
        self.shell.ask(
            Question(
                f"{kind} to ",
                entered=lambda name: self._exported(kind, name),
                text=f"{file_name(datetime.now(UTC))}{ENDINGS[kind]}",
                hint="name of a new file",
            )
        )

    async def _exported(self, kind: Export, name: str) -> bool:
        if self.api is None or not name.strip():
            return True
        try:
            data = await self.api.export(kind, LogExportQuestion(filter=self.conditions.filter))
        except ClientFailure as failure:
            self.tell_failure(failure)
            return False
        where = Path(name.strip())
        path, mistake = await write_new(where if self.shell.writes_anywhere else Path(where.name), data)
        said = mistake or await asyncio.to_thread(said_of, kind, data, path)
        self.shell.after_drawing(lambda: self.tell(said))
        return not mistake

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
            self.tell_failure(failure)
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
        try:
            found = await self._first(LogQuestion(filter=narrowed(self.shown_filter, since), after=0, limit=1))
        except ClientFailure as failure:
            self.tell_failure(failure)
            return
        self.go_to(found)
        if found is None:
            self.tell("No entry is that recent.")
