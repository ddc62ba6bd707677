"""The list widget for all documents: lines are made when visible, and redrawn only when they differ."""

import itertools
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from calendar_tui.commands.registry import list_bindings
from calendar_tui.terminal import CharacterSet, written
from engine.documents.columns import printable
from engine.documents.lines import Document, Line, Lines, Role, difference

NOTHING = Line()
WHEEL = 3
"""Number of lines per step of the mouse wheel."""


class LineView(Widget):
    """Shows `Lines`, with a cursor on those that have a key.

    Textual repaints every region that a widget reports as changed, so this one remembers what it has drawn and reports
    only the lines that differ.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{role}" for role in Role}
    BINDINGS = list_bindings()

    class Chosen(Message):
        """Message: Enter was pressed on the line with this key."""

        def __init__(self, view: "LineView", key: str) -> None:
            super().__init__()
            self.view = view
            self.key = key

        @property
        def control(self) -> "LineView":
            """The widget that sent the message."""
            return self.view

    class Moved(Message):
        """Message: the lines were scrolled, or the cursor was moved."""

    def __init__(self, letters: CharacterSet, *, cursor: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.can_focus = cursor
        self.lines: Lines = Document()
        self.top = 0
        self.cursor: int | None = None
        self.cursor_key = ""
        self._letters = letters
        self._was_moved = False
        self._drawn: list[tuple[Line, bool]] = []
        self._styles_by_role: dict[Role, Style] = {}

    def show(self, lines: Lines) -> None:
        """Show other lines; once moved, the cursor stays on the line with the same key."""
        self.lines = lines
        if self.can_focus:
            self._put_cursor(self._place_of_cursor())
        self._show_from(self.top)

    @property
    def seen(self) -> range:
        """The indices of the visible lines."""
        return range(self.top, min(self.top + self.size.height, len(self.lines)))

    def action_move(self, steps: int) -> None:
        """Move the cursor to the next line with a key; if there is none, scroll."""
        self._was_moved = True
        target = self._next_with_key(self.cursor if self.cursor is not None else self.top - 1, steps)
        if target is None:
            self._show_from(self.top + steps)
        else:
            self._put_cursor(target)
            self._scroll_to_cursor()

    def action_page(self, direction: int) -> None:
        """Move by one page."""
        self._was_moved = True
        by = direction * max(1, self.size.height - 1)
        self._show_from(self.top + by)
        if self.cursor is not None:
            start = min(max(self.cursor + by, 0), len(self.lines) - 1)
            self._put_cursor(self._nearest_with_key(start, -direction))
            self._scroll_to_cursor()

    def action_top(self) -> None:
        """Go to the first line, and stay there when lines are added."""
        self._was_moved = False
        self._put_cursor(self._nearest_with_key(0, 1))
        self._show_from(0)

    def action_bottom(self) -> None:
        """Go to the last line."""
        self._was_moved = True
        self._put_cursor(self._nearest_with_key(len(self.lines) - 1, -1))
        self._show_from(len(self.lines))

    def action_choose(self) -> None:
        """Report that the line under the cursor was chosen."""
        if self.cursor_key:
            self.post_message(self.Chosen(self, self.cursor_key))

    def go_to(self, key: str) -> None:
        """Move the cursor to the line with this key."""
        self._was_moved = True
        self._put_cursor(self.lines.position(key))
        self._scroll_to_cursor()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll."""
        self._show_from(self.top + WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll."""
        self._show_from(self.top - WHEEL)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a line, or open it if the cursor is already there."""
        index = self.top + event.y
        if not self.can_focus or index >= len(self.lines) or not self._line(index).key:
            return
        self._was_moved = True
        if index == self.cursor:
            self.action_choose()
        self._put_cursor(index)
        self._draw_changes()

    def on_resize(self, event: events.Resize) -> None:
        """Make all lines again for the new width."""
        self._show_from(self.top)
        self.post_message(self.Moved())

    def on_focus(self, event: events.Focus) -> None:
        """Draw the cursor."""
        self._draw_changes()

    def on_blur(self, event: events.Blur) -> None:
        """Hide the cursor."""
        self._draw_changes()

    def notify_style_update(self) -> None:
        """Discard the styles of the previous theme."""
        super().notify_style_update()
        self._styles_by_role.clear()

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        line, under_cursor = self._drawn[y] if y < len(self._drawn) else (NOTHING, False)
        segments = [
            Segment(written(printable(text), self._letters), self._style(role, under_cursor) + _clicked(action))
            for text, role, action in line.spans
        ]
        return Strip(segments).adjust_cell_length(self.size.width, self._style(Role.PLAIN, under_cursor))

    def _line(self, index: int) -> Line:
        return self.lines.line(index, self.size.width)

    def _style(self, role: Role, under_cursor: bool) -> Style:
        """Return the style of a part of a line; under the cursor all parts have the same one, in reverse video."""
        if under_cursor:
            role = Role.PLAIN
        style = self._styles_by_role.get(role)
        if style is None:
            style = self._styles_by_role[role] = self.get_component_rich_style(f"lines--{role}")
        return style + Style(reverse=True) if under_cursor else style

    def _draw_changes(self) -> None:
        """Redraw the lines that differ from those on the screen."""
        shown_cursor = self.cursor if self.has_focus else None
        drawn = [(self._line(index), index == shown_cursor) for index in self.seen]
        before, self._drawn = self._drawn, drawn
        width = self.size.width
        for y, (old, new) in enumerate(itertools.zip_longest(before, drawn, fillvalue=(NOTHING, False))):
            cursor_came_or_went = old[1] != new[1]
            columns = range(width) if cursor_came_or_went else difference(old[0], new[0], width)
            if columns:
                self.refresh(Region(columns.start, y, len(columns), 1))

    def _show_from(self, top: int) -> None:
        moved, self.top = self.top, max(0, min(top, len(self.lines) - self.size.height))
        self._draw_changes()
        if moved != self.top:
            self.post_message(self.Moved())

    def _scroll_to_cursor(self) -> None:
        if self.cursor is None:
            return
        height = self.size.height
        self._show_from(min(max(self.top, self.cursor - height + 1), self.cursor))

    def _put_cursor(self, index: int | None) -> None:
        self.cursor = index
        key = "" if index is None else self._line(index).key
        if key != self.cursor_key:
            self.cursor_key = key
            self.post_message(self.Moved())

    def _place_of_cursor(self) -> int | None:
        if not self._was_moved or not self.cursor_key:
            return self._nearest_with_key(0, 1)
        place = self.lines.position(self.cursor_key)
        if place is not None or not len(self.lines):
            return place
        start = min(self.cursor or 0, len(self.lines) - 1)
        found = self._nearest_with_key(start, 1)
        return self._nearest_with_key(start, -1) if found is None else found

    def _next_with_key(self, index: int, step: int) -> int | None:
        return self._nearest_with_key(index + step, step)

    def _nearest_with_key(self, index: int, step: int) -> int | None:
        while 0 <= index < len(self.lines):
            if self._line(index).key:
                return index
            index += step
        return None


def _clicked(action: str) -> Style | None:
    """Return the style metadata by which Textual finds the action of a click on a part of a line."""
    return Style.from_meta({"@click": f"screen.{action}"}) if action else None


class LogList(LineView):
    """A list whose first and last line are those of the whole log, which may be far outside the loaded window."""

    class End(Message):
        """Message: the first or the last line of the log was requested."""

        def __init__(self, *, newest: bool) -> None:
            super().__init__()
            self.newest = newest

    @property
    def at_end(self) -> bool:
        """Whether the cursor is on the last line."""
        return self.cursor is None or self.cursor >= len(self.lines) - 1

    def show_moved(self, lines: Lines, by: int) -> None:
        """Show other lines, in which everything is `by` lines further down than before."""
        self.top += by
        self.show(lines)

    def show_end(self, lines: Lines) -> None:
        """Show other lines, with the cursor on the last one."""
        self.show(lines)
        self.go_to(lines.line(len(lines) - 1, self.size.width).key)

    def action_top(self) -> None:
        """Request the oldest entry."""
        self.post_message(self.End(newest=False))

    def action_bottom(self) -> None:
        """Request the newest entry."""
        self.post_message(self.End(newest=True))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move the cursor, because only a cursor at the end follows new entries."""
        self._turn(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move the cursor, because only a cursor at the end follows new entries."""
        self._turn(-WHEEL)

    def _turn(self, by: int) -> None:
        if self.cursor is not None:
            self._put_cursor(min(max(self.cursor + by, 0), len(self.lines) - 1))
            self._scroll_to_cursor()
