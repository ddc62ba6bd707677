"""What goes wrong in the log and what to do about it, and how long everything takes."""

from textual import work
from textual.app import ComposeResult

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.live_log import LiveLog
from calendar_tui.screens.view import Shell, View
from calendar_tui.state.log.statistics import statistics
from calendar_tui.widgets.line_view import LineView
from engine.api.client.failures import ClientFailure
from engine.api.schema.log import LogDiagnosis, LogStatistics


class StatisticsView(View):
    """Of the exchanges that fit the conditions of `log`; a line leads to its exchanges."""

    NAME = "statistics"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Shell, log: LiveLog) -> None:
        super().__init__(shell)
        self._log = log
        self._found: tuple[LogStatistics, LogDiagnosis] | None = None
        self._said = "Asking the engine ..."

    def content(self) -> ComposeResult:
        """One list of lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the figures."""
        main = self.line_view("main")
        if self._found is None:
            main.show(self.saying(self._said))
        else:
            main.show(statistics(*self._found, self.app.size.width))

    def path(self) -> str:
        """Two steps from the beginning."""
        return "calendar-tui > Log > Errors and figures"

    def place(self) -> str:
        """Of which exchanges."""
        return self._log.conditions.filter or "all exchanges"

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Show the exchanges of the line."""
        self.shell.go_back()
        conditions = self._log.conditions
        for text in event.key.split(" "):
            conditions = conditions.with_one(text)
        self._log.apply(conditions)

    @work(exclusive=True)
    async def ask(self) -> None:
        """Ask the engine."""
        log = self._log.api
        if log is None:
            return
        try:
            asked = self._log.conditions.filter
            self._found = (await log.statistics(asked), await log.diagnosis(asked))
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()
