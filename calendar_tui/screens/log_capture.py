"""The form that starts and stops capturing."""

from functools import partial

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input

from calendar_tui.documents.capture import (
    FIELDS,
    InputNotUnderstood,
    capture_form,
    capture_question,
    field_help,
    field_label,
)
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.log_base import LogBaseView
from calendar_tui.screens.view import READING_ONLY, Shell, View, path
from calendar_tui.terminal import TerminalCapabilities
from calendar_tui.widgets.field import Field
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.schema.log import CaptureQuestion
from engine.documents.lines import Document

USUAL = {"duration": "15m", "side": "both"}
"""What stands in the fields at first."""


class CaptureForm(Vertical):
    """The fields with their labels, between an explanation and a line of help for the field with the focus."""

    def __init__(self, view: "CaptureView") -> None:
        super().__init__(id="capture-form")
        self._view = view
        self._look: TerminalCapabilities = view.shell.look

    def compose(self) -> ComposeResult:
        """Yield the explanation, the fields and the help."""
        yield LineView(self._look.letters, id="capture-state")
        for name, (_, hint, _) in FIELDS.items():
            with Horizontal(classes="labelled"):
                label = LineView(self._look.letters)
                label.add_class("label")
                label.show(field_label(name))
                yield label
                yield Field(self._look, name=name, hint=hint, text=USUAL.get(name, ""))
        yield LineView(self._look.letters, id="capture-help")

    def show(self, document: Document, width: int) -> None:
        """Show the explanation, and the help for the field with the focus."""
        state = self.query_one("#capture-state", LineView)
        state.styles.height = len(document)
        state.show(document)
        focused = self.screen.focused
        self.query_one("#capture-help", LineView).show(field_help((focused.id or "") if focused else "", width))

    def value(self, name: str) -> str:
        """Return what is in a field."""
        return self.query_one(f"#{name}", Input).value

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._view.begin()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the help of another field."""
        self._view.show()


class CaptureView(View):
    """Asks what is captured, whose, and for how long."""

    NAME = "capture"

    def __init__(self, shell: Shell, log: LogBaseView) -> None:
        super().__init__(shell)
        self._log = log
        self._form = CaptureForm(self)

    def row(self) -> Row:
        """Return the path."""
        return path("Log", "Capture", right="Enter starts")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return nothing: the form takes the place."""
        if self._form.is_mounted:
            self._form.show(capture_form(self._log.capture, self.model.zone, width), width)
        return Sheet(Document())

    def form(self) -> Widget:
        """Return the form."""
        return self._form

    def begin(self) -> None:
        """Begin as the fields say."""
        try:
            question = capture_question(*map(self._form.value, FIELDS))
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
            self.tell_failure(failure)
        else:
            self.shell.go_back()
