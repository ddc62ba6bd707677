"""The list of debug log entries, their marks, and the conditions of the filter."""

from bisect import bisect_left, bisect_right, insort
from datetime import datetime, tzinfo

from calendar_tui.documents.log_filter import FilterConditions
from calendar_tui.documents.log_window import LogWindow
from engine.api.schema.log import LogRow
from engine.display import counted
from engine.documents.lines import Document, Line, Role, Span, line
from engine.documents.log_rows import row_line


class Marks:
    """The ids of marked entries."""

    def __init__(self) -> None:
        self._ids: list[int] = []

    def __contains__(self, id: int) -> bool:  # noqa: A002 - as in the API
        place = bisect_left(self._ids, id)
        return place < len(self._ids) and self._ids[place] == id

    def __len__(self) -> int:
        return len(self._ids)

    def toggle(self, id: int) -> None:  # noqa: A002 - as in the API
        """Mark or unmark an entry."""
        if id in self:
            self._ids.remove(id)
        else:
            insort(self._ids, id)

    def next(self, id: int, step: int) -> int | None:  # noqa: A002 - as in the API
        """Return the nearest mark after `id`, or before it if `step` is -1, wrapping around."""
        if not self._ids:
            return None
        place = bisect_right(self._ids, id) if step > 0 else bisect_left(self._ids, id) - 1
        return self._ids[place % len(self._ids)]


class LogLines:
    """The entries of a window; the key of a line is the id."""

    def __init__(self, window: LogWindow, marks: Marks, zone: tzinfo) -> None:
        self.window = window
        self._marks = marks
        self._zone = zone

    def __len__(self) -> int:
        return len(self.window.rows)

    def line(self, index: int, width: int) -> Line:
        """Return the line of one entry."""
        row = self.window.rows[index]
        return row_line(row, width, self._zone, marked=row.id in self._marks)

    def position(self, key: str) -> int | None:
        """Return the position of an entry, None if it is not in the window."""
        return self.window.position(int(key)) if key else None

    def nearest(self, id: int) -> int | None:  # noqa: A002 - as in the API
        """Return the position of the entry with this id or, once the entries around it are loaded, of the next one."""
        place = bisect_left(self.window.rows, id, key=lambda row: row.id)
        if place < len(self.window.rows):
            return place
        return len(self.window.rows) - 1 if self.window.ends and self.window.rows else None


def chips_line(conditions: FilterConditions) -> Line:
    """Return the conditions, and how to be rid of them; a suspended one is in brackets and muted."""
    parts: list[str | Span] = [" "]
    for each in conditions.all:
        parts += [Span(f" ({each.text}) ", Role.MUTED) if each.suspended else Span(f" {each.text} ", Role.CHIP), " "]
    return line(*parts, Span("  x all", Role.MUTED))


def state_line(following: bool, new: int, row: LogRow | None, now: datetime, zone: tzinfo) -> str:
    """Return whether new entries are followed, and the day of the selected one if it is not today."""
    day = ""
    if row is not None and row.at.astimezone(zone).date() != now.astimezone(zone).date():
        day = f"{row.at.astimezone(zone):%d %b}  "
    if following:
        return f"{day}following"
    return f"{day}stopped · {new:,} new" if new else f"{day}stopped"


def hidden_line(hidden: int) -> Document:
    """Return how many keep-alives are hidden, and how to see them."""
    if not hidden:
        return Document()
    return Document([line(Span(f" {counted(hidden, 'keep-alive')} hidden · h shows them", Role.MUTED))])


def conditions_document(conditions: FilterConditions) -> Document:
    """Return every condition with a key `on:NUMBER`, and earlier filters with a key `was:NUMBER`."""
    lines = [
        line(Span(" Conditions", Role.TITLE), Span("   all must match" if conditions.all else "   none", Role.MUTED))
    ]
    for number, each in enumerate(conditions.all):
        state = Span("   · suspended  ", Role.MUTED) if each.suspended else Span("   ✓ in effect  ", Role.GOOD)
        lines.append(line(state, each.text, key=f"on:{number}"))
    lines += [line(), line(Span(" Earlier filters", Role.TITLE))]
    lines += [line("   ", text, key=f"was:{number}") for number, text in enumerate(conditions.history)]
    return Document(lines)


def waiting(window: LogWindow, failure: str, conditions: FilterConditions) -> str:
    """Return the placeholder for an empty list of entries."""
    if failure:
        return failure
    if not window.begins or not window.ends:
        return "Searching the log ..."
    if conditions.filter:
        return "No entry matches the filter. x drops it, s suspends it, / changes it."
    return "Nothing has been captured yet. C starts capturing."
