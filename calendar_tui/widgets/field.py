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

    def __init__(self, hidden_as: str) -> None:
        super().__init__(compact=True, select_on_focus=False, id="field")
        self.cursor_blink = False
        self._hidden_as = hidden_as

    @property
    def _value(self) -> Text:
        """The value, cleaned for display, or its length; Textual would pass everything on to the terminal."""
        shown = self._hidden_as * len(self.value) if self.password else visible(self.value)
        return Text(shown, no_wrap=True, overflow="ignore", end="")

    def on_key(self, event: events.Key) -> None:
        """Take Tab, with which Textual would leave the field."""
        if event.key == "tab":
            event.stop()
            event.prevent_default()
            self.post_message(self.Completing())


class Field(Horizontal):
    """An input line between two cells, which are brackets where the background of the line is not seen."""

    def __init__(self, look: TerminalCapabilities) -> None:
        super().__init__(id="field-box")
        self._look = look
        self.display = False

    def compose(self) -> ComposeResult:
        """Yield the line and the cells beside it."""
        for side in ("[", "]"):
            cell = LineView(self._look.letters, id="field-begins" if side == "[" else "field-ends")
            cell.add_class("field-side")
            cell.show(Document([line(Span(side if self._look.brackets else " "))]))
            yield cell
            if side == "[":
                yield FieldInput("*" if self._look.is_ascii else "•")

    @property
    def input(self) -> FieldInput:
        """The input line."""
        return self.query_one(FieldInput)

    def open(self, at: Offset, width: int, text: str, hint: str, *, secret: bool) -> None:
        """Show the field at a place of the screen, with the focus and a text."""
        self.input.password = secret
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
