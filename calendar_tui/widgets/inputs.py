"""Input fields for filters, which take effect with every letter, and for secrets."""

from collections import deque
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from engine.display import visible

IN_ONE_PACKET = 100
"""Number of the latest keys that are remembered."""


class FilterLine(Input):
    """An input field that is shown only while open. Its cursor does not blink, which would send data twice a second."""

    def __init__(self, placeholder: str, *, is_open: bool = False, id: str = "filter") -> None:  # noqa: A002
        super().__init__(placeholder=placeholder, select_on_focus=False, id=id)
        self.cursor_blink = False
        self.display = is_open
        self._keys: deque[events.Key] = deque(maxlen=IN_ONE_PACKET)

    @property
    def _value(self) -> Text:
        """The value, cleaned for display; Textual would pass everything on to the terminal."""
        return Text(visible(self.value), no_wrap=True, overflow="ignore", end="")

    @property
    def is_open(self) -> bool:
        """Whether the field is open."""
        return bool(self.display)

    def open(self) -> None:
        """Show the field, and give it the focus."""
        self.display = True
        self.screen.set_focus(self)

    def on_key(self, event: events.Key) -> None:
        """Remember the key, so that `has_seen` can tell which keys arrived here."""
        self._keys.append(event)

    def has_seen(self, key: events.Key) -> bool:
        """Return whether a key event arrived here."""
        return any(each is key for each in self._keys)

    def close(self) -> None:
        """Hide the field; its value stays."""
        self.display = False

    def fill(self, text: str) -> None:
        """Set the value without an event."""
        with self.prevent(Input.Changed):
            self.value = text


class SecretLine(FilterLine):
    """An input field for a secret, which shows only its length."""

    def __init__(self, placeholder: str, *, id: str) -> None:  # noqa: A002
        super().__init__(placeholder, id=id)
        self.password = True

    @property
    def _value(self) -> Text:
        """Return asterisks, because Textual's own placeholder is not ASCII."""
        return Text("*" * len(self.value), no_wrap=True, overflow="ignore", end="")


class CompletingLine(FilterLine):
    """An input field with completion by Tab."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete what is typed")]

    class Complete(Message):
        """Message: Tab was pressed."""

    def action_complete(self) -> None:
        """Request a completion."""
        self.post_message(self.Complete())

    def put(self, text: str, start: int, end: int) -> None:
        """Replace the characters from `start` to before `end` by `text`."""
        self.value = self.value[:start] + text + self.value[end:]
        self.cursor_position = start + len(text)
