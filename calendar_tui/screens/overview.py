"""The overview, and the view of one problem."""

from calendar_tui.documents.log_filter import conditions_of_problem, conditions_of_user
from calendar_tui.documents.overview import overview, problem_document
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.model import Query
from calendar_tui.screens.view import Shell, View, path
from engine.documents.status import PROBLEM, USER


class ProblemView(View):
    """Shows one problem: its cause, who can solve it and how, and whether it is solved."""

    NAME = "problem"

    def __init__(self, shell: Shell, slug: str) -> None:
        super().__init__(shell)
        self._slug = slug

    def row(self) -> Row:
        """Return the path."""
        return path("Overview", "Problem")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return everything about the problem."""
        return Sheet(problem_document(self.model, self._slug, width))

    def action_entries(self) -> None:
        """Show the log entries of the problem."""
        concern = self.model.concern(self._slug)
        self.shell.open_log(*(conditions_of_problem(concern, self.model.users.rows) if concern else ("is:error",)))


class OverviewView(View):
    """Shows the state of the engine; Enter on a problem or a change leads to the users that it concerns."""

    NAME = "overview"
    TAB = NAME

    def row(self) -> Row:
        """Return nothing: the overview begins with the state of the connections."""
        return Row()

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the overview."""
        return Sheet(overview(self.model, width, height))

    def action_entries(self) -> None:
        """Show the log entries of the problem or user under the cursor."""
        kind, _, rest = self.shell.main.cursor_key.partition(":")
        rows = self.model.users.rows
        concern = self.model.concern(rest) if f"{kind}:" == PROBLEM else None
        row = rows.get(rest.split(":")[0])
        if concern is not None:
            self.shell.open_log(*conditions_of_problem(concern, rows))
        else:
            self.shell.open_log(*(conditions_of_user(row) if row else ()))

    def chosen(self, key: str) -> None:
        """Open what the line is about."""
        if key.startswith(USER):
            self.shell.open_user(key.split(":")[1])
            return
        slug = key.removeprefix(PROBLEM)
        concern = self.model.concern(slug)
        if concern is not None and concern.link is None and concern.count:
            self.shell.open_users(Query(problem=slug, problem_title=concern.trouble.title))
        elif concern is not None:
            self.shell.push(ProblemView(self.shell, slug))
