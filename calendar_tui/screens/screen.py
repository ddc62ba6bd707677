"""The base of all screens: header, notice while the engine is unreachable, content, and keys."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Protocol

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from calendar_tui.commands import registry
from calendar_tui.commands.command import Command
from calendar_tui.documents import frame
from calendar_tui.model import Model, Query
from calendar_tui.session import EngineSession
from calendar_tui.terminal import TerminalCapabilities
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.resources.engine import EngineRequests
from engine.api.schema import HeldChange, Operation
from engine.documents.lines import Document, Role, line, wrapped
from engine.documents.status import confirmed_in_words, held_in_words, progress

READING_ONLY = "Nothing can be changed: the connection is read-only."


class Navigator(Protocol):
    """The part of the application that screens may use."""

    model: Model
    session: EngineSession
    look: TerminalCapabilities

    def open_view(self, name: str) -> None:
        """Open one of the main screens."""
        ...

    def open_users(self, query: Query) -> None:
        """Open the list of users that match a query."""
        ...

    def open_user(self, guid: str) -> None:
        """Open the screen of one user."""
        ...

    def open_log(self, *conditions: str) -> None:
        """Open the debug log with the entries that match a filter."""
        ...

    def open_help(self, about: str) -> None:
        """Show the keys of a screen."""
        ...

    def open_palette(self, choice: Sequence[Command], carry_out: Callable[[str | None], Awaitable[None]]) -> None:
        """Open the palette with these commands, and run the one that is chosen."""
        ...

    def neighbour(self, guid: str, steps: int) -> str | None:
        """Return the user some steps after a user in the list, None at its end."""
        ...

    def go_back(self) -> None:
        """Close the screen on top."""
        ...

    def next_theme(self) -> None:
        """Switch to the next theme."""
        ...

    def leave(self) -> None:
        """Quit the program."""
        ...


class BaseScreen(Screen[str | None]):
    """A screen. Its commands are registered for its `NAME`; subclasses provide the content.

    Textual's metaclass differs from that of abc, so only the type checker finds missing methods.
    """

    NAME: ClassVar[str] = ""
    AUTO_FOCUS: ClassVar[str | None] = "#main"

    def __init__(self, shell: Navigator) -> None:
        super().__init__()
        self.shell = shell
        self.message = ""
        self._followed = ""
        self._visit = -1
        self._to_confirm: HeldChange | None = None

    @property
    def model(self) -> Model:
        """The model of the engine."""
        return self.shell.model

    @abstractmethod
    def content(self) -> ComposeResult:
        """Yield the widgets between header and footer."""

    @abstractmethod
    def refresh_content(self) -> None:
        """Show the current state; called whenever the state or the size changes."""

    def ask(self) -> object:
        """Request what is not part of the events; called when the screen opens and when the engine is back."""

    @abstractmethod
    def breadcrumb(self) -> str:
        """Return the title, preceded by those of the parent screens."""

    def position(self) -> str:
        """Return the position within the content, and its size, as text."""
        return ""

    def lines(self, id: str, *classes: str, cursor: bool = False) -> LineView:  # noqa: A002
        """Return a widget for lines that suits the terminal."""
        widget = LineView(self.shell.look.letters, cursor=cursor, id=id)
        widget.add_class(*classes)
        return widget

    def line_view(self, id: str) -> LineView:  # noqa: A002
        """Return the widget for lines with this id."""
        return self.query_one(f"#{id}", LineView)

    def compose(self) -> ComposeResult:
        """Yield the frame and the content."""
        yield self.lines("too-small")
        yield self.lines("header", "one-line")
        yield self.lines("banner", "as-needed")
        yield from self.content()
        yield self.lines("footer", "as-needed")

    def show(self) -> None:
        """Draw everything, or a notice if the terminal is too small."""
        if not self.is_there:
            return
        if self._visit != self.model.visits:
            self._visit = self.model.visits
            self.ask()
        width, height = self.app.size
        small = frame.is_too_small(width, height)
        self.set_class(small, "-too-small")
        if small:
            self.line_view("too-small").show(frame.too_small(width, height))
            return
        self.show_as_needed("banner", frame.banner(self.model, width))
        self.refresh_content()
        operation = self.model.operations.get(self._followed)
        if operation is not None:
            self.message = progress(operation)
        self.show_frame()

    def placeholder(self, text: str) -> Document:
        """Return a document with a remark in place of the content."""
        return Document(wrapped(text, self.app.size.width - 1, " ", Role.MUTED))

    def show_as_needed(self, id: str, document: Document) -> None:  # noqa: A002
        """Show lines in a widget that is as high as they need."""
        widget = self.line_view(id)
        if widget.styles.height is None or widget.styles.height.value != len(document):
            widget.styles.height = len(document)
        widget.show(document)

    @property
    def is_there(self) -> bool:
        """Whether the screen is mounted, so that it can be drawn."""
        return self.is_mounted and len(self.query("#too-small, #footer")) == 2

    def show_frame(self) -> None:
        """Draw header and footer."""
        if not self.is_there:
            return
        width = self.app.size.width
        self.line_view("header").show(Document([line(f" {self.breadcrumb()}  {self.position()}")]))
        self.show_as_needed("footer", frame.footer(self.commands(), self.message, width))

    def tell(self, message: str) -> None:
        """Show a message in the footer until the next key press."""
        self.message = message
        self._followed = ""
        self.show_frame()

    async def start_operation(self, begin: Callable[[EngineRequests], Awaitable[Operation]]) -> None:
        """Start an operation, and show its progress in the footer."""
        api = self.shell.session.api
        if api is None:
            return
        try:
            operation = await begin(EngineRequests(api))
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
        else:
            self.tell(progress(operation))
            self._followed = operation.id

    def commands(self) -> tuple[Command, ...]:
        """Return the commands that are available at present."""
        return tuple(command for command in registry.in_view(self.NAME) if not self._hindrance(command))

    async def action_command(self, name: str) -> None:
        """Run a command, or show why that is not possible."""
        command = registry.named(self.NAME, name)
        hindrance = self._hindrance(command)
        if hindrance:
            self.tell(hindrance)
        else:
            await self.run_action(command.action)

    def on_mount(self) -> None:
        """Draw the screen for the first time."""
        self.show()

    def on_screen_resume(self) -> None:
        """Show the changes made while another screen was on top."""
        self.show()

    def on_resize(self, event: events.Resize) -> None:
        """Draw everything for the new size."""
        self.call_after_refresh(self.show)

    def on_key(self, event: events.Key) -> None:
        """Remove the message from the footer."""
        if event.key != "Y":
            self._to_confirm = None
        if self.message:
            self.tell("")

    def on_click(self, event: events.Click) -> None:
        """Remove the message from the footer."""
        if self.message:
            self.tell("")

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        """Show the new position."""
        self.show_frame()

    def action_help(self) -> None:
        """Show all keys."""
        self.shell.open_help(self.NAME)

    def action_palette(self) -> None:
        """Open the command palette, and run the chosen command."""

        async def carry_out(name: str | None) -> None:
            if name is not None:
                await self.action_command(name)

        self.shell.open_palette(self.commands(), carry_out)

    def action_back(self) -> None:
        """Close this screen."""
        self.shell.go_back()

    def action_open(self, name: str) -> None:
        """Open a main screen."""
        self.shell.open_view(name)

    async def action_confirm_hold(self) -> None:
        """Confirm the held change: the first key press shows what it would clear, the second confirms."""
        status = self.model.status
        held, is_dry = (status.held, status.dry_run) if status else (None, False)
        api = self.shell.session.api
        if held is None or api is None:
            self.tell("No change is held.")
        elif self._to_confirm != held:
            self._to_confirm = held
            done = "to confirm; the dry run writes nothing" if is_dry else "to clear them"
            self.tell(f"{held_in_words(held)}. Press Y again {done}; any other key cancels.")
        else:
            self._to_confirm = None
            try:
                await EngineRequests(api).confirm_hold()
            except ClientFailure as failure:
                self.tell(f"{failure}. {failure.remedy}")
            else:
                self.tell(confirmed_in_words(dry_run=is_dry))

    def action_theme(self) -> None:
        """Switch to the next theme."""
        self.shell.next_theme()

    def action_quit(self) -> None:
        """Quit the program."""
        self.shell.leave()

    def _hindrance(self, command: Command) -> str:
        """Return why a command cannot be run, "" if it can."""
        about = self.model.about
        if command.changes and not self.model.may_change:
            return READING_ONLY
        if command.capability and (about is None or command.capability not in about.capabilities):
            return f"This engine does not support that ({command.capability})."
        return ""
