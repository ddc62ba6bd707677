"""Where one types what to look for; the view narrows its list with every letter."""

from textual.widgets import Input


class FilterLine(Input):
    """A line that is there while one types. Its cursor does not blink: that would send something twice a second."""

    def __init__(self, placeholder: str, *, is_open: bool = False, id: str = "filter") -> None:  # noqa: A002
        super().__init__(placeholder=placeholder, select_on_focus=False, id=id)
        self.cursor_blink = False
        self.display = is_open

    @property
    def is_open(self) -> bool:
        """Whether one types now."""
        return bool(self.display)

    def open(self) -> None:
        """Appear, and take what is typed."""
        self.display = True
        self.focus()

    def close(self) -> None:
        """Disappear; what was typed stays."""
        self.display = False

    def fill(self, text: str) -> None:
        """Put in other words without telling anybody."""
        with self.prevent(Input.Changed):
            self.value = text
