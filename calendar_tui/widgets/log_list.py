"""A list of which only a window is in memory: rows come and go at both ends while what is seen stands still."""

from textual import events
from textual.message import Message

from calendar_tui.state.lines import Lines
from calendar_tui.widgets.line_view import WHEEL, LineView


class LogList(LineView):
    """The first and the last line are those of the log, which may be far outside of the window."""

    class End(Message):
        """The first line of all was asked for, or the last one."""

        def __init__(self, *, newest: bool) -> None:
            super().__init__()
            self.newest = newest

    @property
    def at_end(self) -> bool:
        """Whether the cursor is on the last line."""
        return self.cursor is None or self.cursor >= len(self.lines) - 1

    def show_moved(self, lines: Lines, by: int) -> None:
        """Show other lines, where everything is `by` lines further down than before."""
        self.top += by
        self.show(lines)

    def show_end(self, lines: Lines) -> None:
        """Show other lines with the cursor on the last one."""
        self.show(lines)
        self.go_to(lines.line(len(lines) - 1, self.size.width).key)

    def action_top(self) -> None:
        """Ask for the oldest."""
        self.post_message(self.End(newest=False))

    def action_bottom(self) -> None:
        """Ask for the newest."""
        self.post_message(self.End(newest=True))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move the cursor: what is not at the end is not followed."""
        self._turn(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move the cursor: what is not at the end is not followed."""
        self._turn(-WHEEL)

    def _turn(self, by: int) -> None:
        if self.cursor is not None:
            self._put_cursor(min(max(self.cursor + by, 0), len(self.lines) - 1))
            self._scroll_to_cursor()
