"""The overview on the terminal; calendar_tui.state.overview says what is in it."""

from textual.app import ComposeResult

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.problem import ProblemView
from calendar_tui.screens.view import View
from calendar_tui.state.overview import PROBLEM, USER, overview
from calendar_tui.state.user_list import Query
from calendar_tui.widgets.line_view import LineView


class OverviewView(View):
    """Problems lead to the users they concern, changes to their users."""

    NAME = "overview"
    BINDINGS = view_bindings(NAME)

    def content(self) -> ComposeResult:
        """One list of lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the overview."""
        main = self.line_view("main")
        main.show(overview(self.model, main.size.width, main.size.height))

    def path(self) -> str:
        """The beginning."""
        return "calendar-tui"

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Go to where it can be solved."""
        if event.key.startswith(USER):
            self.shell.open_user(event.key.split(":")[1])
            return
        slug = event.key.removeprefix(PROBLEM)
        concerns = self.model.status.concerns if self.model.status else ()
        for concern in concerns:
            if concern.trouble.type != slug:
                continue
            if concern.link is None:
                self.shell.open_users(Query(problem=slug, problem_title=concern.trouble.title))
            else:
                self.app.push_screen(ProblemView(self.shell, slug))
            return
