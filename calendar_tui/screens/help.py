"""The screens with all keys and with the search for a command."""

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
    """Made from the registry of commands alone."""

    NAME = "help"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, about: str) -> None:
        super().__init__(shell)
        self._about = about

    def content(self) -> ComposeResult:
        """One list of lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the keys."""
        self.line_view("main").show(help_document(self._about))

    def breadcrumb(self) -> str:
        """What it is."""
        return "calendar-tui > Keys"

    def action_help(self) -> None:
        """Leave: the same key opens and closes it."""
        self.shell.go_back()


class CommandScreen(BaseScreen):
    """Ends with the name of the command that was chosen."""

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
        """The input, and the matching commands."""
        yield FilterLine("words of a command", is_open=True, id="words")
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the commands that fit."""
        self.line_view("main").show(palette_document(self._choice, self.query_one(FilterLine).value))

    def breadcrumb(self) -> str:
        """What it is."""
        return "calendar-tui > Commands"

    def commands(self) -> tuple[Command, ...]:
        """Nothing but choosing can be done here."""
        return ()

    def action_pick(self, steps: int) -> None:
        """Choose with the arrows while typing."""
        self.line_view("main").action_move(steps)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """End with the choice."""
        self.dismiss(event.key)

    @on(Input.Changed, "#words")
    def _typed(self) -> None:
        self.show()

    @on(Input.Submitted, "#words")
    def _submitted(self) -> None:
        self.line_view("main").action_choose()
