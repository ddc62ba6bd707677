"""What a view is: an object that says what the frame shows, while the frame's widgets stay mounted."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import ClassVar, Protocol

from textual.widget import Widget

from calendar_tui.commands import registry
from calendar_tui.commands.command import Command
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.model import Model, Query
from calendar_tui.session import EngineSession
from calendar_tui.terminal import TerminalCapabilities
from calendar_tui.widgets.field import Field
from calendar_tui.widgets.line_view import LineView, Place
from engine.api.errors import ClientFailure
from engine.api.resources.engine import EngineRequests
from engine.api.schema import Operation
from engine.api.schema.setup import FlowName
from engine.documents.lines import UNLIMITED, Document, Line, Role, Span, wrapped

READING_ONLY = "Nothing can be changed: the connection is read-only."

COPIED = "Copied, if the terminal allows it (OSC 52); w writes a file instead."

Answer = bool | Awaitable[bool]


@dataclass(frozen=True, slots=True)
class Question:
    """What the input field asks for. It stands in the second row, or `indent` columns within that of the cursor, `at`.

    `entered` gets the text at Enter and returns whether the field may close; `typed` gets it with every letter; `left`
    is called at Esc. `completed` gets text and cursor at Tab and returns the new ones.
    """

    label: str
    entered: Callable[[str], Answer]
    text: str = ""
    hint: str = ""
    typed: Callable[[str], None] | None = None
    left: Callable[[], None] | None = None
    completed: Callable[[str, int], tuple[str, int]] | None = None
    secret: bool = False
    at: str = ""
    indent: int = 0


class Shell(Protocol):
    """The part of the application that views may use."""

    model: Model
    session: EngineSession
    look: TerminalCapabilities

    @property
    def main(self) -> LineView:
        """The pane with the cursor; it shows the view on top."""
        ...

    @property
    def beside(self) -> LineView:
        """The right pane of the wide layout."""
        ...

    @property
    def field(self) -> Field:
        """The input field."""
        ...

    @property
    def width(self) -> int:
        """The number of columns of the terminal."""
        ...

    @property
    def is_wide(self) -> bool:
        """Whether there is room for a second pane."""
        ...

    @property
    def is_asking(self) -> bool:
        """Whether the input field is open."""
        ...

    def show(self, view: "View") -> None:
        """Draw a view again, if it is on top."""
        ...

    def tell(self, message: str) -> None:
        """Show a message in the footer until the next key press."""
        ...

    def tell_failure(self, failure: ClientFailure) -> None:
        """Show in the footer why something was not done, and what to do about it."""
        ...

    def follow(self, operation: Operation) -> None:
        """Show the progress of an operation in the footer until the next key press."""
        ...

    def ask(self, question: Question) -> None:
        """Open the input field."""
        ...

    def put_text(self, text: str) -> None:
        """Replace the text of the open field."""
        ...

    def stop_asking(self) -> None:
        """Close the input field."""
        ...

    def run(self, view: "View", work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Run something in the background; it replaces what runs in the same group, and ends with the view."""
        ...

    def end(self, view: "View", group: str) -> None:
        """End what runs in a group."""
        ...

    def after_drawing(self, call: Callable[[], None]) -> None:
        """Call something when everything is drawn."""
        ...

    def give_focus(self, widget: Widget) -> None:
        """Give the focus to a widget of the view's container."""
        ...

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something after a while."""
        ...

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal."""
        ...

    @property
    def writes_anywhere(self) -> bool:
        """Whether files may be written outside the working directory."""
        ...

    @property
    def starts_programs(self) -> bool:
        """Whether other programs may be started, from which one could get to a shell."""
        ...

    def page(self, text: str) -> None:
        """Show a text in the pager of the environment, in place of this program until it ends."""
        ...

    def push(self, view: "View") -> None:
        """Show another view; Esc leads back to this one."""
        ...

    def carry_out(self, action: str) -> None:
        """Run an action of the view, of the pane with the focus, or of the frame."""
        ...

    def go_back(self) -> None:
        """Leave the view on top."""
        ...

    def set_up(self, flow: FlowName) -> None:
        """Open the set-up, or one later change of it."""
        ...

    def open_view(self, name: str) -> None:
        """Open one of the main views."""
        ...

    def open_users(self, query: Query) -> None:
        """Open the list of users that match a query, until one leaves it."""
        ...

    def open_user(self, guid: str) -> None:
        """Open the view of one user."""
        ...

    def open_log(self, *conditions: str) -> None:
        """Open the debug log with the entries that match a filter."""
        ...

    def open_setting(self, key: str) -> None:
        """Open the settings with the cursor on one of them."""
        ...

    def confirm(self, question: str, confirmed: Callable[[], object]) -> None:
        """Ask a question in the footer, and call something if the next key is y."""
        ...

    def run_command(self, place: str, name: str) -> None:
        """Run a command of any place by its name, after going there: to the user or log entry that was chosen last."""
        ...

    def open_help(self, place: str) -> None:
        """Show the keys of a view."""
        ...

    def neighbour(self, guid: str, steps: int) -> str | None:
        """Return the user some steps after a user in the list, None at its end."""
        ...


class View:
    """One view. Its commands are registered for its `NAME`; `TAB` is the main view whose tab is active, "" leaves it.

    `ENTER` says in the footer what Enter does to a line, and `PANE` whether there is a right pane in the wide layout.

    The frame asks for what is shown whenever something may have changed, and draws what differs. A command of the
    registry runs the method `action_…` of the view that it names, or else that of the frame.
    """

    NAME: ClassVar[str]
    TAB: ClassVar[str] = ""
    ENTER: ClassVar[str] = "open"
    PANE: ClassVar[bool] = False

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.place = Place()
        self.pane_place = Place()

    @property
    def model(self) -> Model:
        """The model of the engine."""
        return self.shell.model

    def header(self, width: int) -> Line | None:
        """Return the first row instead of the tabs, None where they are shown."""
        return None

    @abstractmethod
    def row(self) -> Row:
        """Return what the second row shows."""

    def above(self, width: int) -> Document:
        """Return rows that stay between the second row and the panes, over both of them."""
        return Document()

    @abstractmethod
    def sheet(self, width: int, height: int) -> Sheet:
        """Return what the body shows, for a number of columns and rows."""

    def has_pane(self) -> bool:
        """Return whether there is a right pane in the wide layout at present."""
        return self.PANE

    def pane(self, width: int, height: int) -> Sheet:
        """Return what the right pane shows in the wide layout, usually about the line under the cursor."""
        return Sheet(Document())

    def form(self) -> Widget | None:
        """Return the container that takes the place of the body at present, None if there is none.

        It is mounted when it is returned for the first time, and removed with the view.
        """
        return None

    def focused(self) -> Widget | None:
        """Return what gets the focus when the container is shown, None: its first widget that can."""
        return None

    async def ready(self) -> None:
        """Return when what commands of the view are about is known."""

    def enter(self) -> str:
        """Return what the footer says that Enter does to the line under the cursor."""
        return self.ENTER

    def ask(self) -> None:
        """Request what is not part of the events: called when the view opens and when the engine is back."""

    def shown(self) -> None:
        """Called when the view comes on top."""

    def hidden(self) -> None:
        """Called when another view comes on top, or the view is left."""

    def left(self) -> None:
        """Called when the view is left by Esc or by opening a main view."""

    def moved(self) -> None:
        """Called when the cursor was moved or lines were scrolled."""

    def chosen(self, key: str) -> None:
        """Called when Enter was pressed on the line with this key: show all of it, since it may be cut."""
        lines = self.sheet(UNLIMITED, UNLIMITED).lines
        place = lines.position(key)
        if place is not None:
            self.tell(" ".join(lines.line(place, UNLIMITED).text.split()))

    def pane_chosen(self, key: str) -> None:
        """Called when Enter was pressed on a line of the right pane."""
        self.chosen(key)

    def action_back(self) -> None:
        """Leave this view."""
        self.shell.go_back()

    def commands(self) -> tuple[Command, ...]:
        """Return the commands of this view, then those of all views, as far as they are available at present."""
        return tuple(each for each in registry.in_view(self.NAME) if not self.hindrance(each))

    def hindrance(self, command: Command) -> str:
        """Return why a command cannot be run, "" if it can."""
        about = self.model.about
        if command.changes and not self.model.may_change:
            return READING_ONLY
        if command.capability and (about is None or command.capability not in about.capabilities):
            return f"This engine does not support that ({command.capability})."
        return ""

    def show(self) -> None:
        """Draw this view again, if it is on top."""
        self.shell.show(self)

    def tell(self, message: str) -> None:
        """Show a message in the footer until the next key press."""
        self.shell.tell(message)

    def tell_failure(self, failure: ClientFailure) -> None:
        """Show in the footer why something was not done, and what to do about it."""
        self.shell.tell_failure(failure)

    def run(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Run something in the background; it replaces what runs in the same group, and ends with the view."""
        self.shell.run(self, work, group)

    def end(self, group: str) -> None:
        """End what runs in a group."""
        self.shell.end(self, group)

    async def start_operation(self, begin: Callable[[EngineRequests], Awaitable[Operation]]) -> None:
        """Start an operation, and show its progress in the footer."""
        api = self.shell.session.api
        if api is None:
            return
        try:
            operation = await begin(EngineRequests(api))
        except ClientFailure as failure:
            self.tell_failure(failure)
        else:
            self.shell.follow(operation)


def path(*names: str, right: str = "") -> Row:
    """Return the second row of a view below others: its path, and something at the right."""
    *parents, name = names
    return Row((Span("".join(f"{each} › " for each in parents), Role.MUTED), Span(name, Role.TITLE)), right)


def remark(text: str, width: int) -> Document:
    """Return a document with a remark in place of the content."""
    return Document(wrapped(text, width - 1, " ", Role.MUTED))
