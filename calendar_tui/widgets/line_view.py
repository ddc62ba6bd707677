"""The list widget for all documents: lines are made when visible, and redrawn only when they differ."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from calendar_tui.documents.sheet import DOWN, Sheet, edge, with_mark
from calendar_tui.terminal import CharacterSet, written
from engine.documents.columns import printable
from engine.documents.lines import Document, Line, Lines, Role, Span, difference, line

NOTHING = Line()
WHEEL = 3
"""Number of lines per step of the mouse wheel."""


@dataclass(slots=True)
class Place:
    """Where one is in a list: its first visible line and the cursor, which is kept by the key of its line."""

    top: int = 0
    cursor: int | None = None
    key: str = ""
    was_moved: bool = False


class LineView(Widget):
    """Shows a `Sheet`, or just `Lines`, with a cursor on those lines that have a key.

    Textual repaints every region that a widget reports as changed, so this one remembers what it has drawn and reports
    only the cells that differ. Heads, foot and frame are drawn here too: another view needs no other layout.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{role}" for role in Role} | {"lines--cursor"}

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

        def __init__(self, view: "LineView") -> None:
            super().__init__()
            self.view = view

    def __init__(self, letters: CharacterSet, *, cursor: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.can_focus = cursor
        self.place = Place()
        self.keeps_cursor = False
        self._sheet = Sheet(Document())
        self._framed = False
        self._letters = letters
        self._drawn: list[tuple[Line, bool]] = []
        self._styles: dict[tuple[Role, bool], Style] = {}

    def show(self, shown: Sheet | Lines, *, framed: bool = False) -> None:
        """Show something else; once moved, the cursor stays on the line with the same key, and in sight."""
        was_in_sight = self.cursor in self.seen
        self._sheet = shown if isinstance(shown, Sheet) else Sheet(shown)
        if framed != self._framed:
            self._framed = framed
            self.refresh()
        if self.can_focus:
            self._put_cursor(self._place_of_cursor())
        if self._sheet.cursor:
            self.go_to(self._sheet.cursor)
        elif was_in_sight and self.place.was_moved:
            self._scroll_to_cursor()
        else:
            self._show_from(self.place.top)

    @property
    def lines(self) -> Lines:
        """What is shown."""
        return self._sheet.lines

    @property
    def cursor(self) -> int | None:
        """The index of the line under the cursor."""
        return self.place.cursor

    @property
    def cursor_key(self) -> str:
        """The key of the line under the cursor, "" if there is none."""
        return self.place.key

    @property
    def top(self) -> int:
        """The index of the first visible line."""
        return self.place.top

    @property
    def width(self) -> int:
        """The number of columns for lines."""
        return max(0, self.size.width - 2 * self._framed)

    @property
    def height(self) -> int:
        """The number of rows between heads and foot."""
        around = len(self._sheet.heads) + len(self._sheet.foot) + 2 * self._framed
        return max(0, self.size.height - around)

    @property
    def seen(self) -> range:
        """The indices of the visible lines."""
        return range(self.place.top, min(self.place.top + self._rows(self.place.top), len(self.lines)))

    @property
    def at_end(self) -> bool:
        """Whether the cursor is on the last line."""
        return self.place.cursor is None or self.place.cursor >= len(self.lines) - 1

    def action_move(self, steps: int) -> None:
        """Move the cursor to the next line with a key; if there is none, scroll."""
        self.place.was_moved = True
        target = self._next_with_key(self.cursor if self.cursor is not None else self.top - 1, steps)
        if target is None:
            self._show_from(self.top + steps)
        else:
            self._put_cursor(target)
            self._scroll_to_cursor()

    def action_page(self, direction: int) -> None:
        """Move by one page."""
        self.place.was_moved = True
        by = direction * max(1, self._rows(self.top) - 1)
        self._show_from(self.top + by)
        if self.cursor is not None:
            start = min(max(self.cursor + by, 0), len(self.lines) - 1)
            self._put_cursor(self._nearest_with_key(start, -direction))
            self._scroll_to_cursor()

    def action_top(self) -> None:
        """Go to the first line, and stay there when lines are added."""
        self.place.was_moved = False
        self._put_cursor(self._nearest_with_key(0, 1))
        self._show_from(0)

    def action_bottom(self) -> None:
        """Go to the last line."""
        self.place.was_moved = True
        self._put_cursor(self._nearest_with_key(len(self.lines) - 1, -1))
        self._show_from(len(self.lines))

    def action_choose(self) -> None:
        """Report that the line under the cursor was chosen."""
        if self.cursor_key:
            self.post_message(self.Chosen(self, self.cursor_key))

    def go_to(self, key: str) -> None:
        """Move the cursor to the line with this key."""
        self.place.was_moved = True
        self._put_cursor(self.lines.position(key))
        self._scroll_to_cursor()

    def bring_in_sight(self, index: int) -> None:
        """Scroll as little as needed to show a line."""
        self._show_from(min(max(self.place.top, index - self._rows(self.place.top) + 1), index))

    def row_of_cursor(self) -> int | None:
        """Return the row of this widget in which the cursor is, None if it is not visible."""
        if self.cursor is None or self.cursor not in self.seen:
            return None
        return self.cursor - self.top + len(self._sheet.heads) + self._framed

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll."""
        self._turn(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll."""
        self._turn(-WHEEL)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a line, or open it if the cursor is already there."""
        row = event.y - self._framed - len(self._sheet.heads)
        index = self.top + row
        if not self.can_focus or row < 0 or index not in self.seen or not self._line(index).key:
            return
        self.place.was_moved = True
        if index == self.cursor:
            self.action_choose()
        self._put_cursor(index)
        self._draw_changes()

    def on_resize(self, event: events.Resize) -> None:
        """Make all lines again for the new size."""
        self._show_from(self.top)
        self.post_message(self.Moved(self))

    def on_focus(self, event: events.Focus) -> None:
        """Draw the cursor."""
        self._draw_changes()

    def on_blur(self, event: events.Blur) -> None:
        """Hide the cursor."""
        self._draw_changes()

    def notify_style_update(self) -> None:
        """Discard the styles of the previous theme."""
        super().notify_style_update()
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        shown, under_cursor = self._drawn[y] if y < len(self._drawn) else (NOTHING, False)
        width = self.size.width
        is_edge = self._framed and y in (0, self.size.height - 1)
        if not self._framed or is_edge:
            return self._strip(shown, under_cursor, width)
        side = Strip([Segment(written(DOWN, self._letters), self._style(self._edge_role, False))])
        return Strip.join([side, self._strip(shown, under_cursor, max(0, width - 2)), side])

    def _strip(self, shown: Line, under_cursor: bool, width: int) -> Strip:
        segments = [
            Segment(written(printable(text), self._letters), self._style(role, under_cursor) + _clicked(action))
            for text, role, action in shown.spans
        ]
        return Strip(segments).adjust_cell_length(width, self._style(Role.PLAIN, under_cursor))

    @property
    def _edge_role(self) -> Role:
        return Role.KEY if self.is_focused and self._shows_focus else Role.EDGE

    @property
    def is_focused(self) -> bool:
        """Whether keys come here; `has_focus` tells it only when the message of it has arrived."""
        return self.is_attached and self.screen.focused is self

    @property
    def _shows_focus(self) -> bool:
        """Whether the frame shows the focus: only where there is another pane that could have it."""
        return any(other is not self and other.display for other in self.siblings)

    def _line(self, index: int) -> Line:
        return self.lines.line(index, self.width)

    def _style(self, role: Role, under_cursor: bool) -> Style:
        """Return the style of a part of a line; under the cursor it has another background."""
        style = self._styles.get((role, under_cursor))
        if style is None:
            style = self.get_component_rich_style(f"lines--{role}")
            if under_cursor:
                cursor = self.get_component_rich_style("lines--cursor")
                style = style + (Style(reverse=True) if cursor.reverse else Style(bgcolor=cursor.bgcolor))
            self._styles[role, under_cursor] = style
        return style

    def _rows(self, top: int) -> int:
        """Return how many lines are visible from `top`: one less where the last row tells how many there are below."""
        height = self._whole(self.height)
        below = len(self.lines) - top - height
        return height - 1 if self._sheet.tells_more and below > 0 and height > 1 else height

    def _whole(self, rows: int) -> int:
        """Return in how many of these rows lines that belong together are not torn apart."""
        return rows - rows % self._sheet.unit or rows

    def _content(self) -> list[tuple[Line, bool]]:
        """Return what every row shows, and whether the cursor is on it."""
        sheet, seen = self._sheet, self.seen
        shown_cursor = self.cursor if self.is_focused or self.keeps_cursor else None
        rows = [(each, False) for each in sheet.heads]
        for index in seen:
            under_cursor = index == shown_cursor
            made = self._line(index)
            rows.append((with_mark(made) if under_cursor else made, under_cursor))
        below = len(self.lines) - seen.stop
        if len(seen) < self.height:
            if below > 0 and sheet.tells_more:
                rows.append((line(Span(f" … {below:,} more ↓", Role.MUTED)), False))
            rows += [(NOTHING, False)] * (self.height + len(sheet.heads) - len(rows))
        rows += [(each, False) for each in sheet.foot]
        if self._framed:
            is_part = sheet.tells_more and len(seen) < len(self.lines)
            place = f"{seen.start + 1:,}–{seen.stop:,} of {len(self.lines):,}" if is_part else ""
            focused = self._edge_role is Role.KEY
            ends = (
                edge(sheet.title, sheet.order, self.size.width, below=False, focused=focused),
                edge("", sheet.place or place, self.size.width, below=True, focused=focused),
            )
            rows = [(ends[0], False), *rows, (ends[1], False)]
        return rows

    def _draw_changes(self) -> None:
        """Redraw the cells that differ from those on the screen."""
        before, self._drawn = self._drawn, self._content()
        width = self.size.width
        for y, (old, new) in enumerate(itertools.zip_longest(before, self._drawn, fillvalue=(NOTHING, False))):
            is_whole = self._framed and y in (0, self.size.height - 1)
            cursor_came_or_went = old[1] != new[1]
            cells = range(self.width) if cursor_came_or_went else difference(old[0], new[0], self.width)
            if is_whole and old != new:
                self.refresh(Region(0, y, width, 1))
            elif cells:
                self.refresh(Region(cells.start + self._framed, y, len(cells), 1))

    def _show_from(self, top: int) -> None:
        moved = self.place.top
        last = max(0, len(self.lines) - self._whole(self.height))
        self.place.top = max(0, min(top - top % self._sheet.unit, last))
        self._draw_changes()
        if moved != self.place.top:
            self.post_message(self.Moved(self))

    def _scroll_to_cursor(self) -> None:
        if self.cursor is None:
            return
        unit = self._sheet.unit
        top = min(self.top, self.cursor)
        while self.cursor + unit > top + self._rows(top) and self._rows(top) >= unit:
            top += unit
        self._show_from(top)

    def _turn(self, by: int) -> None:
        if not self._sheet.cursor_scrolls:
            self._show_from(self.top + by)
        elif self.cursor is not None:
            self._put_cursor(min(max(self.cursor + by, 0), len(self.lines) - 1))
            self._scroll_to_cursor()

    def _put_cursor(self, index: int | None) -> None:
        self.place.cursor = index
        key = "" if index is None else self._line(index).key
        if key != self.place.key:
            self.place.key = key
            self.post_message(self.Moved(self))

    def _place_of_cursor(self) -> int | None:
        if not self.place.was_moved or not self.cursor_key:
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
    return Style.from_meta({"@click": f"screen.clicked({action!r})"}) if action else None
