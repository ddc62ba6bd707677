"""Input fields for filters; the view updates its list with every letter."""

from collections import deque
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from engine.display import visible

IN_ONE_PACKET = 100
"""Keys that may be under way at once."""


class FilterLine(Input):
    """A line that is there while one types. Its cursor does not blink: that would send something twice a second."""

    def __init__(self, placeholder: str, *, is_open: bool = False, id: str = "filter") -> None:  # noqa: A002
        super().__init__(placeholder=placeholder, select_on_focus=False, id=id)
        self.cursor_blink = False
        self.display = is_open
        self._keys: deque[events.Key] = deque(maxlen=IN_ONE_PACKET)

    @property
    def _value(self) -> Text:
        """The value, cleaned for display; Textual's own would pass all of it to the terminal."""
        return Text(visible(self.value), no_wrap=True, overflow="ignore", end="")

    @property
    def is_open(self) -> bool:
        """Whether one types now."""
        return bool(self.display)

    def open(self) -> None:
        """Appear, and take what is typed."""
        self.display = True
        self.screen.set_focus(self)

    def on_key(self, event: events.Key) -> None:
        """Remember the key, so that the program knows which ones went past this line."""
        self._keys.append(event)

    def has_seen(self, key: events.Key) -> bool:
        """Return whether a key went through this line."""
        return any(each is key for each in self._keys)

    def close(self) -> None:
        """Disappear; what was typed stays."""
        self.display = False

    def fill(self, text: str) -> None:
        """Put in other words without telling anybody."""
        with self.prevent(Input.Changed):
            self.value = text


class SecretLine(FilterLine):
    """A line that shows how much is typed, and nothing else."""

    def __init__(self, placeholder: str, *, id: str) -> None:  # noqa: A002
        super().__init__(placeholder, id=id)
        self.password = True

    @property
    def _value(self) -> Text:
        """Every terminal has a star; Textual's own sign is not ASCII."""
        return Text("*" * len(self.value), no_wrap=True, overflow="ignore", end="")


class CompletingLine(FilterLine):
    """A line that is completed by Tab."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete what is typed")]

    class Complete(Message):
        """Tab was pressed."""

    def action_complete(self) -> None:
        """Ask for what might be meant."""
        self.post_message(self.Complete())

    def put(self, text: str, start: int, end: int) -> None:
        """Put `text` in the place of the characters from `start` to before `end`."""
        self.value = self.value[:start] + text + self.value[end:]
        self.cursor_position = start + len(text)
