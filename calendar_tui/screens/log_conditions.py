"""The view of the conditions of a log."""

from calendar_tui.documents.log_filter import FilterConditions
from calendar_tui.documents.log_list import conditions_document
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.log_base import LogBaseView
from calendar_tui.screens.view import Shell, View, path


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
