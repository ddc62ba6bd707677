"""The conditions of the log one by one, and the filters there were."""

from textual.app import ComposeResult

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.live_log import LiveLog
from calendar_tui.screens.view import Shell, View
from calendar_tui.state.log.conditions import Conditions
from calendar_tui.state.log.list import conditions_document
from calendar_tui.widgets.line_view import LineView


class ConditionsView(View):
    """Changes the conditions of a log."""

    NAME = "conditions"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Shell, log: LiveLog) -> None:
        super().__init__(shell)
        self._log = log
        self._changed: Conditions = log.conditions

    def content(self) -> ComposeResult:
        """One list of lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the conditions."""
        self.line_view("main").show(conditions_document(self._changed))

    def path(self) -> str:
        """Two steps from the beginning."""
        return "calendar-tui > Log > Conditions"

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Suspend a condition, or filter as earlier."""
        kind, _, number = event.key.partition(":")
        if kind == "on":
            self._change(self._changed.toggled(int(number)))
        else:
            self._change(self._changed.typed((self._changed.history[int(number)],)))
            self.action_back()

    def action_suspend(self) -> None:
        """Suspend the condition under the cursor, or take it up again."""
        number = self._number()
        if number is not None:
            self._change(self._changed.toggled(number))

    def action_drop(self) -> None:
        """Drop the condition under the cursor."""
        number = self._number()
        if number is not None:
            self._change(self._changed.without(number))

    def action_back(self) -> None:
        """Filter by what was chosen."""
        super().action_back()
        if self._changed != self._log.conditions:
            self._log.apply(self._changed)

    def _number(self) -> int | None:
        kind, _, number = self.line_view("main").cursor_key.partition(":")
        return int(number) if kind == "on" else None

    def _change(self, conditions: Conditions) -> None:
        self._changed = conditions
        self.show()
