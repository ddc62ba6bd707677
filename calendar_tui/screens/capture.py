"""Switches capturing on, for everybody or some mailboxes, for a time or until it is switched off."""

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.live_log import LiveLog
from calendar_tui.screens.view import READING_ONLY, Shell, View
from calendar_tui.state.log.capture import NotUnderstood, capture_form, capture_question
from calendar_tui.widgets.filter_line import FilterLine
from engine.api.client.failures import ClientFailure
from engine.api.schema.log import CaptureQuestion


class CaptureView(View):
    """A form of two lines; Enter begins."""

    NAME = "capture"
    AUTO_FOCUS = "#mailboxes"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Shell, log: LiveLog) -> None:
        super().__init__(shell)
        self._log = log

    def content(self) -> ComposeResult:
        """What is, and what shall be."""
        yield self.lines("main")
        yield FilterLine("everybody", is_open=True, id="mailboxes")
        duration = FilterLine("until somebody ends it", is_open=True, id="duration")
        duration.fill("15m")
        yield duration
        yield self.lines("rest")

    def refresh_content(self) -> None:
        """Say what the two lines are."""
        self.show_as_needed("main", capture_form(self._log.capture, self.model.zone, self.app.size.width))

    def path(self) -> str:
        """Two steps from the beginning."""
        return "calendar-tui > Log > Capture"

    @on(Input.Submitted)
    async def _submitted(self) -> None:
        mailboxes, duration = (self.query_one(f"#{name}", FilterLine).value for name in ("mailboxes", "duration"))
        try:
            question = capture_question(mailboxes, duration)
        except NotUnderstood as mistake:
            self.tell(str(mistake))
        else:
            await self._switch(question)

    async def action_end(self) -> None:
        """Capture nothing any more."""
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
