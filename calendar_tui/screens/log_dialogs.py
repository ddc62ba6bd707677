"""The dialogs of the debug log: filter conditions, statistics, and capturing."""

from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from calendar_tui.documents.capture import InputNotUnderstood, capture_form, capture_question
from calendar_tui.documents.log_filter import FilterConditions
from calendar_tui.documents.log_list import conditions_document
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.log_base import LogBaseView
from calendar_tui.screens.view import READING_ONLY, Shell, View, path, remark
from calendar_tui.widgets.field import Field
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.schema.log import CaptureQuestion, LogDiagnosis, LogStatistics
from engine.documents.lines import Document
from engine.documents.log_status import statistics


class ConditionsView(View):
    """Suspends, removes and reuses conditions of a log."""

    NAME = "conditions"

    def __init__(self, shell: Shell, log: LogBaseView) -> None:
        super().__init__(shell)
        self._log = log
        self._changed: FilterConditions = log.conditions

    def row(self) -> Row:
        """Return the path."""
        return path("Log", "Conditions")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the conditions."""
        return Sheet(conditions_document(self._changed))

    def chosen(self, key: str) -> None:
        """Suspend or resume a condition, or apply an earlier filter."""
        kind, _, number = key.partition(":")
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
        kind, _, number = self.place.key.partition(":")
        return int(number) if kind == "on" else None

    def _change(self, conditions: FilterConditions) -> None:
        self._changed = conditions
        self.show()


class StatisticsView(View):
    """Errors and statistics of the entries that match the conditions of `log`; a line leads to its entries."""

    NAME = "statistics"

    def __init__(self, shell: Shell, log: LogBaseView) -> None:
        super().__init__(shell)
        self._log = log
        self._found: tuple[LogStatistics, LogDiagnosis] | None = None
        self._said = "Asking the engine ..."

    def row(self) -> Row:
        """Return the path, and the filter that selects the entries."""
        return path("Log", "Errors and figures", right=self._log.conditions.filter or "all entries")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the figures."""
        if self._found is None:
            return Sheet(remark(self._said, width))
        return Sheet(statistics(*self._found, width))

    def chosen(self, key: str) -> None:
        """Show the entries of the line."""
        self.shell.go_back()
        conditions = self._log.conditions
        for text in key.split(" "):
            conditions = conditions.with_one(text)
        self._log.apply(conditions)

    def ask(self) -> None:
        """Request the statistics."""
        self.run(self._ask, "ask")

    async def _ask(self) -> None:
        log = self._log.api
        if log is None:
            return
        try:
            asked = self._log.conditions.filter
            self._found = (await log.statistics(asked), await log.diagnosis(asked))
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()


class CaptureForm(Vertical):
    """The two fields of the dialogue that starts capturing, below their explanation."""

    def __init__(self, view: "CaptureView") -> None:
        super().__init__(id="capture-form")
        self._view = view

    def compose(self) -> ComposeResult:
        """Yield the explanation and the fields."""
        look = self._view.shell.look
        yield LineView(look.letters, id="capture-state")
        yield Field(look, name="mailboxes", hint="everybody")
        yield Field(look, name="duration", hint="until stopped", text="15m")

    def show(self, document: Document) -> None:
        """Show another explanation."""
        state = self.query_one("#capture-state", LineView)
        state.styles.height = len(document)
        state.show(document)

    def value(self, name: str) -> str:
        """Return what is in a field."""
        return self.query_one(f"#{name}", Input).value

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._view.begin()


class CaptureView(View):
    """Asks whose requests are captured and for how long."""

    NAME = "capture"

    def __init__(self, shell: Shell, log: LogBaseView) -> None:
        super().__init__(shell)
        self._log = log
        self._form = CaptureForm(self)

    def row(self) -> Row:
        """Return the path."""
        return path("Log", "Capture")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return nothing: the form takes the place."""
        if self._form.is_mounted:
            self._form.show(capture_form(self._log.capture, self.model.zone, width))
        return Sheet(Document())

    def form(self) -> Widget:
        """Return the form."""
        return self._form

    def begin(self) -> None:
        """Begin as the fields say."""
        try:
            question = capture_question(self._form.value("mailboxes"), self._form.value("duration"))
        except InputNotUnderstood as mistake:
            self.tell(str(mistake))
        else:
            self.run(partial(self._switch, question), "switch")

    def action_end(self) -> None:
        """Stop capturing."""
        self.run(partial(self._switch, CaptureQuestion(on=False)), "switch")

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
