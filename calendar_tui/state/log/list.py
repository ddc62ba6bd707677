"""The list of exchanges as lines: what of it is in memory, and what is above and below that."""

from bisect import bisect_left
from datetime import tzinfo

from calendar_tui.state.lines import Document, Line, Role, Span, fitted, line
from calendar_tui.state.log.conditions import Conditions
from calendar_tui.state.log.marks import Marks
from calendar_tui.state.log.rows import DECISION, DURATION, OPERATION, OUTCOME, SIZE, TIME, WIDE, row_line
from calendar_tui.state.log.window import LogWindow


class LogLines:
    """The exchanges of a window; the key of a line is the id."""

    def __init__(self, window: LogWindow, marks: Marks, zone: tzinfo) -> None:
        self.window = window
        self._marks = marks
        self._zone = zone

    def __len__(self) -> int:
        return len(self.window.rows)

    def line(self, index: int, width: int) -> Line:
        """Return the line of one exchange."""
        row = self.window.rows[index]
        return row_line(row, width, self._zone, marked=row.id in self._marks)

    def position(self, key: str) -> int | None:
        """Return where an exchange is."""
        return self.window.position(int(key)) if key else None

    def nearest(self, id: int) -> int | None:  # noqa: A002 - as in the API
        """Return where the exchange of this id is or, once all round it is known, the next one."""
        place = bisect_left(self.window.rows, id, key=lambda row: row.id)
        if place < len(self.window.rows):
            return place
        return len(self.window.rows) - 1 if self.window.ends and self.window.rows else None


def heads(width: int) -> Document:
    """Return the line above the columns."""
    decision = f"{'decision':<{DECISION}} " if width >= WIDE else ""
    whose = "mailbox" if width >= WIDE else "user"
    text = (
        f"  {'time':<{TIME}} {'operation':<{OPERATION}} {'outcome':<{OUTCOME}} "
        f"{'took':>{DURATION}} {'size':>{SIZE}} {decision}{whose}"
    )
    return Document([line(Span(fitted(text, width), Role.TITLE))])


def chips_line(conditions: Conditions) -> Line:
    """Return the conditions; a suspended one is in brackets and pale."""
    parts: list[str | Span] = [" "]
    for each in conditions.all:
        parts += [Span(f" ({each.text}) ", Role.MUTED) if each.suspended else Span(f" {each.text} ", Role.CHIP), " "]
    return line(*parts)


def conditions_document(conditions: Conditions) -> Document:
    """Return every condition with a key `on:NUMBER`, and the filters there were with a key `was:NUMBER`."""
    lines = [
        line(Span(" Conditions", Role.TITLE), Span("   all have to hold" if conditions.all else "   none", Role.MUTED))
    ]
    for number, each in enumerate(conditions.all):
        state = Span("   · suspended  ", Role.MUTED) if each.suspended else Span("   ✓ in effect  ", Role.GOOD)
        lines.append(line(state, each.text, key=f"on:{number}"))
    lines += [line(), line(Span(" Earlier filters", Role.TITLE))]
    lines += [line("   ", text, key=f"was:{number}") for number, text in enumerate(conditions.history)]
    return Document(lines)


def waiting(window: LogWindow, failure: str, conditions: Conditions) -> str:
    """Return what is said where there is no exchange to be shown."""
    if failure:
        return failure
    if not window.begins or not window.ends:
        return "Looking through the log ..."
    if conditions.filter:
        return "No exchange fits the filter. s suspends it, / changes it."
    return "No exchange was captured yet. C begins capturing."
