"""The input field of the frame: mounted once, and placed over the row that asks."""

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import Input

from calendar_tui.terminal import TerminalCapabilities
from calendar_tui.widgets.line_view import LineView
from engine.display import visible
from engine.documents.lines import Document, Span, line


class FieldInput(Input):
    """An input line. Its cursor does not blink, which would send data twice a second."""

    class Completing(Message):
        """Message: Tab was pressed."""

    def __init__(self, name: str, hidden_as: str) -> None:
        super().__init__(compact=True, select_on_focus=False, id=name)
        self.cursor_blink = False
        self.completes = False
        self._hidden_as = hidden_as

    @property
    def _value(self) -> Text:
        """The value, cleaned for display, or its length; Textual would pass everything on to the terminal."""
        shown = self._hidden_as * len(self.value) if self.password else visible(self.value)
        return Text(shown, no_wrap=True, overflow="ignore", end="")

    def on_key(self, event: events.Key) -> None:
        """Take Tab, with which Textual would leave the field."""
        if event.key == "tab" and self.completes:
            event.stop()
            event.prevent_default()
            self.post_message(self.Completing())


class Field(Horizontal):
    """An input line between two cells, which are brackets where the background of the line is not seen."""

    def __init__(self, look: TerminalCapabilities, name: str, *, hint: str = "", text: str = "") -> None:
        super().__init__(id=f"{name}-box")
        self.input = FieldInput(name, "*" if look.is_ascii else "•")
        self.input.placeholder = hint
        self._sides = (LineView(look.letters), LineView(look.letters))
        for side, bracket in zip(self._sides, "[]", strict=True):
            side.add_class("field-side")
            side.show(Document([line(Span(bracket if look.brackets else " "))]))
        self.put(text)

    def compose(self) -> ComposeResult:
        """Yield the line and the cells beside it."""
        begin, end = self._sides
        yield begin
        yield self.input
        yield end

    def open(self, at: Offset, width: int, text: str, hint: str, *, secret: bool, completes: bool) -> None:
        """Show the field at a place of the screen, with the focus and a text."""
        self.input.password, self.input.completes = secret, completes
        self.input.placeholder = hint
        self.put(text)
        self.move(at, width)
        self.display = True
        self.screen.set_focus(self.input)

    def move(self, at: Offset, width: int) -> None:
        """Put the field at another place."""
        self.styles.offset = (at.x, at.y)
        self.styles.width = width

    def put(self, text: str) -> None:
        """Replace the text, without a message; the cursor comes after it."""
        with self.input.prevent(Input.Changed):
            self.input.value = text
        self.input.cursor_position = len(text)

    def close(self) -> None:
        """Hide the field, and forget what was typed."""
        self.display = False
        self.put("")
