"""The dialogs of the debug log: filter conditions, statistics, and capturing."""

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input

from calendar_tui.commands.registry import view_bindings
from calendar_tui.documents.capture import InputNotUnderstood, capture_form, capture_question
from calendar_tui.documents.log_filter import FilterConditions
from calendar_tui.documents.log_list import conditions_document
from calendar_tui.screens.log_base import LogBaseScreen
from calendar_tui.screens.screen import READING_ONLY, BaseScreen, Navigator
from calendar_tui.widgets.inputs import FilterLine
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.schema.log import CaptureQuestion, LogDiagnosis, LogStatistics
from engine.documents.log_status import statistics


class ConditionsScreen(BaseScreen):
    """Suspends, removes and reuses conditions of a log."""

    NAME = "conditions"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, log: LogBaseScreen) -> None:
        super().__init__(shell)
        self._log = log
        self._changed: FilterConditions = log.conditions

    def content(self) -> ComposeResult:
        """Return the widget for the lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the conditions."""
        self.line_view("main").show(conditions_document(self._changed))

    def breadcrumb(self) -> str:
        """Return the title and its parents."""
        return "calendar-tui > Log > Conditions"

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Suspend or resume a condition, or apply an earlier filter."""
        kind, _, number = event.key.partition(":")
        if kind == "on":
            self._change(self._changed.toggled(int(number)))
        else:
            self._change(self._changed.typed((self._changed.history[int(number)],)))
            self.action_back()

    def action_suspend(self) -> None:
        """Suspend or resume the condition under the cursor."""
        number = self._number()
        if number is not None:
            self._change(self._changed.toggled(number))

    def action_drop(self) -> None:
        """Remove the condition under the cursor."""
        number = self._number()
        if number is not None:
            self._change(self._changed.without(number))

    def action_back(self) -> None:
        """Apply the conditions, and close the dialog."""
        super().action_back()
        if self._changed != self._log.conditions:
            self._log.apply(self._changed)

    def _number(self) -> int | None:
        kind, _, number = self.line_view("main").cursor_key.partition(":")
        return int(number) if kind == "on" else None

    def _change(self, conditions: FilterConditions) -> None:
        self._changed = conditions
        self.show()


class StatisticsScreen(BaseScreen):
    """Errors and statistics of the entries that match the conditions of `log`; a line leads to its entries."""

    NAME = "statistics"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, log: LogBaseScreen) -> None:
        super().__init__(shell)
        self._log = log
        self._found: tuple[LogStatistics, LogDiagnosis] | None = None
        self._said = "Asking the engine ..."

    def content(self) -> ComposeResult:
        """Return the widget for the lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the figures."""
        main = self.line_view("main")
        if self._found is None:
            main.show(self.placeholder(self._said))
        else:
            main.show(statistics(*self._found, self.app.size.width))

    def breadcrumb(self) -> str:
        """Return the title and its parents."""
        return "calendar-tui > Log > Errors and figures"

    def position(self) -> str:
        """Return the filter that selects the entries."""
        return self._log.conditions.filter or "all entries"

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Show the entries of the line."""
        self.shell.go_back()
        conditions = self._log.conditions
        for text in event.key.split(" "):
            conditions = conditions.with_one(text)
        self._log.apply(conditions)

    @work(exclusive=True)
    async def ask(self) -> None:
        """Request the statistics."""
        log = self._log.api
        if log is None:
            return
        try:
            asked = self._log.conditions.filter
            self._found = (await log.statistics(asked), await log.diagnosis(asked))
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()


class CaptureScreen(BaseScreen):
    """A form with two fields to start capturing."""

    NAME = "capture"
    AUTO_FOCUS = "#mailboxes"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, log: LogBaseScreen) -> None:
        super().__init__(shell)
        self._log = log

    def content(self) -> ComposeResult:
        """Return the current state and the fields."""
        yield self.lines("main")
        yield FilterLine("everybody", is_open=True, id="mailboxes")
        duration = FilterLine("until stopped", is_open=True, id="duration")
        duration.fill("15m")
        yield duration
        yield self.lines("rest")

    def refresh_content(self) -> None:
        """Update the explanation of the fields."""
        self.show_as_needed("main", capture_form(self._log.capture, self.model.zone, self.app.size.width))

    def breadcrumb(self) -> str:
        """Return the title and its parents."""
        return "calendar-tui > Log > Capture"

    @on(Input.Submitted)
    async def _submitted(self) -> None:
        mailboxes, duration = (self.query_one(f"#{name}", FilterLine).value for name in ("mailboxes", "duration"))
        try:
            question = capture_question(mailboxes, duration)
        except InputNotUnderstood as mistake:
            self.tell(str(mistake))
        else:
            await self._switch(question)

    async def action_end(self) -> None:
        """Stop capturing."""
        await self._switch(CaptureQuestion(on=False))

    async def _switch(self, question: CaptureQuestion) -> None:
        log = self._log.api
        if log is None or not self.model.may_change:
            self.tell(READING_ONLY)
            return
        try:
            self._log.capture = await log.switch(question)
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
        else:
            self.shell.go_back()
