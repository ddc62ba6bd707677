"""The overview screen, and the screen of one problem."""

from textual.app import ComposeResult

from calendar_tui.commands.registry import view_bindings
from calendar_tui.documents.log_filter import conditions_of_problem, conditions_of_user
from calendar_tui.documents.overview import overview, problem_document
from calendar_tui.model import Query
from calendar_tui.screens.screen import BaseScreen, Navigator
from calendar_tui.widgets.line_view import LineView
from engine.documents.status import PROBLEM, USER


class ProblemScreen(BaseScreen):
    """Shows one problem: its cause, who can solve it and how, and whether it is solved."""

    NAME = "problem"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, slug: str) -> None:
        super().__init__(shell)
        self._slug = slug

    def content(self) -> ComposeResult:
        """Return the widget for the lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the problem."""
        self.line_view("main").show(problem_document(self.model, self._slug, self.app.size.width))

    def action_entries(self) -> None:
        """Show the log entries of the problem."""
        concern = self.model.concern(self._slug)
        self.shell.open_log(*(conditions_of_problem(concern, self.model.users.rows) if concern else ("is:error",)))

    def breadcrumb(self) -> str:
        """Return the title and its parent."""
        return "calendar-tui > Problem"


class OverviewScreen(BaseScreen):
    """Shows the state of the engine; Enter on a problem or a change leads to the users that it concerns."""

    NAME = "overview"
    BINDINGS = view_bindings(NAME)

    def content(self) -> ComposeResult:
        """Return the widget for the lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the overview."""
        main = self.line_view("main")
        main.show(overview(self.model, main.size.width, main.size.height))

    def breadcrumb(self) -> str:
        """Return the title."""
        return "calendar-tui"

    def action_entries(self) -> None:
        """Show the log entries of the problem or user under the cursor."""
        kind, _, rest = self.line_view("main").cursor_key.partition(":")
        rows = self.model.users.rows
        concern = self.model.concern(rest) if f"{kind}:" == PROBLEM else None
        row = rows.get(rest.split(":")[0])
        if concern is not None:
            self.shell.open_log(*conditions_of_problem(concern, rows))
        else:
            self.shell.open_log(*(conditions_of_user(row) if row else ()))

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open the screen for the line."""
        if event.key.startswith(USER):
            self.shell.open_user(event.key.split(":")[1])
            return
        slug = event.key.removeprefix(PROBLEM)
        concern = self.model.concern(slug)
        if concern is not None and concern.link is None and concern.count:
            self.shell.open_users(Query(problem=slug, problem_title=concern.trouble.title))
        elif concern is not None:
            self.app.push_screen(ProblemScreen(self.shell, slug))
