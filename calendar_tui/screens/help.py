"""All keys of a view."""

from textual.app import ComposeResult

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.view import Shell, View
from calendar_tui.state.help import help_document


class HelpView(View):
    """Made from the registry of commands alone."""

    NAME = "help"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Shell, about: str) -> None:
        super().__init__(shell)
        self._about = about

    def content(self) -> ComposeResult:
        """One list of lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the keys."""
        self.line_view("main").show(help_document(self._about))

    def path(self) -> str:
        """What it is."""
        return "calendar-tui > Keys"

    def action_help(self) -> None:
        """Leave: the same key opens and closes it."""
        self.shell.go_back()
