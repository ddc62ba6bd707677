"""A problem that concerns a whole side, or the settings, in full."""

from textual.app import ComposeResult

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.view import Shell, View
from calendar_tui.state.log.related import conditions_of_problem
from calendar_tui.state.problem import problem_document


class ProblemView(View):
    """What is the matter, who can solve it and how; it says so when that is done."""

    NAME = "problem"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Shell, slug: str) -> None:
        super().__init__(shell)
        self._slug = slug

    def content(self) -> ComposeResult:
        """One list of lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the problem."""
        self.line_view("main").show(problem_document(self.model, self._slug, self.app.size.width))

    def action_exchanges(self) -> None:
        """Show the exchanges that failed."""
        concern = self.model.concern(self._slug)
        self.shell.open_log(*(conditions_of_problem(concern, self.model.users.rows) if concern else ("is:error",)))

    def path(self) -> str:
        """One step from the beginning."""
        return "calendar-tui > Problem"
