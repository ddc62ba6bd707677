"""The screens for all keys and for the command palette."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from calendar_tui.commands.command import Command
from calendar_tui.commands.registry import view_bindings
from calendar_tui.documents.frame import help_document, palette_document
from calendar_tui.screens.screen import BaseScreen, Navigator
from calendar_tui.widgets.inputs import FilterLine
from calendar_tui.widgets.line_view import LineView


class HelpScreen(BaseScreen):
    """Lists the keys of a screen, from the registry of commands."""

    NAME = "help"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, about: str) -> None:
        super().__init__(shell)
        self._about = about

    def content(self) -> ComposeResult:
        """Return the widget for the lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the list of keys."""
        self.line_view("main").show(help_document(self._about))

    def breadcrumb(self) -> str:
        """Return the title of the screen."""
        return "calendar-tui > Keys"

    def action_help(self) -> None:
        """Close it, with the same key that opened it."""
        self.shell.go_back()


class CommandScreen(BaseScreen):
    """The command palette; it returns the name of the chosen command."""

    NAME = "palette"
    AUTO_FOCUS = "#words"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Leave"),
        Binding("up", "pick(-1)", "The command above"),
        Binding("down", "pick(1)", "The command below"),
    ]

    def __init__(self, shell: Navigator, choice: Sequence[Command]) -> None:
        super().__init__(shell)
        self._choice = choice

    def content(self) -> ComposeResult:
        """Return the input field and the list of matching commands."""
        yield FilterLine("words of a command", is_open=True, id="words")
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the matching commands."""
        self.line_view("main").show(palette_document(self._choice, self.query_one(FilterLine).value))

    def breadcrumb(self) -> str:
        """Return the title of the screen."""
        return "calendar-tui > Commands"

    def commands(self) -> tuple[Command, ...]:
        """Return no commands: a command can only be chosen here."""
        return ()

    def action_pick(self, steps: int) -> None:
        """Move the cursor while typing continues."""
        self.line_view("main").action_move(steps)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Close it with the chosen command."""
        self.dismiss(event.key)

    @on(Input.Changed, "#words")
    def _typed(self) -> None:
        self.show()

    @on(Input.Submitted, "#words")
    def _submitted(self) -> None:
        self.line_view("main").action_choose()
