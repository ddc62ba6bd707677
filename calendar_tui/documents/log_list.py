"""The list of debug log entries as lines, with their durations, sizes and marks."""

from bisect import bisect_left, bisect_right, insort
from datetime import tzinfo

from calendar_tui.documents.lines import Document, Line, Role, Span, fitted, line
from calendar_tui.documents.log_filter import FilterConditions
from calendar_tui.documents.log_window import LogWindow
from engine.api.schema.log import LogRow


class Marks:
    """The ids of marked exchanges."""

    def __init__(self) -> None:
        self._ids: list[int] = []

    def __contains__(self, id: int) -> bool:  # noqa: A002 - as in the API
        place = bisect_left(self._ids, id)
        return place < len(self._ids) and self._ids[place] == id

    def __len__(self) -> int:
        return len(self._ids)

    def toggle(self, id: int) -> None:  # noqa: A002 - as in the API
        """Mark or unmark."""
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


KILO = 1000


def duration(ms: float) -> str:
    """Return milliseconds in at most seven columns."""
    if ms < 9.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 99_950:
        return f"{ms / 1000:.1f} s"
    if ms < 6_000_000:
        return f"{ms / 60_000:.0f} min"
    return f"{ms / 3_600_000:.0f} h"


def size(number: int) -> str:
    """Return bytes in at most six columns."""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f} {unit}"
        amount /= KILO
    return f"{amount:.0f} TB"


SLOW = 2000.0
"""Milliseconds from which on a duration is pointed out."""

WIDE = 110
"""Columns from which on there is room for what was decided."""

TIME, OPERATION, OUTCOME, DURATION, SIZE, DECISION = 8, 15, 21, 7, 6, 24


def outcome(row: LogRow) -> Span:
    """Return the outcome of an exchange: glyph and word convey the same as the colour."""
    if row.error:
        return Span(f"✗ {_reason(row)}", Role.PROBLEM)
    if row.part:
        return Span("· notification", Role.MUTED)
    return Span("✓ ok" if row.status == 200 else f"✓ {row.status or ''}", Role.GOOD)


def row_line(row: LogRow, width: int, zone: tzinfo, *, marked: bool) -> Line:
    """Return an exchange in `width` columns (80 at least make sense)."""
    decision = DECISION if width >= WIDE else 0
    fixed = 2 + TIME + OPERATION + OUTCOME + DURATION + SIZE + 5 + (decision + 1 if decision else 0)
    attempt = f" #{row.attempt}" if row.attempt > 1 else ""
    result = outcome(row)
    spans = (
        Span("▸ " if marked else "  ", Role.KEY),
        Span(f"{row.at.astimezone(zone):%H:%M:%S} ", Role.MUTED),
        Span(fitted(row.operation, OPERATION - len(attempt)) + attempt + " "),
        Span(fitted(result.text, OUTCOME) + " ", result.role),
        Span(f"{duration(row.ms):>{DURATION}} ", Role.NOTICE if row.ms >= SLOW and not row.part else Role.PLAIN),
        Span(f"{size(row.received):>{SIZE}} ", Role.MUTED),
        *((Span(fitted(row.decision, decision) + " ", Role.NOTICE),) if decision else ()),
        Span(fitted(_whose(row, wide=width >= WIDE), width - fixed)),
    )
    return Line(spans, str(row.id))


def _reason(row: LogRow) -> str:
    if row.codes and row.codes[0] != "NoError":
        return row.codes[0]
    return row.failure or (f"HTTP {row.status}" if row.status else "no answer")


def _whose(row: LogRow, *, wide: bool) -> str:
    """Return the user's name where there is no room for an address."""
    return row.mailbox or row.user if wide else row.user or row.mailbox


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


def chips_line(conditions: FilterConditions) -> Line:
    """Return the conditions; a suspended one is in brackets and pale."""
    parts: list[str | Span] = [" "]
    for each in conditions.all:
        parts += [Span(f" ({each.text}) ", Role.MUTED) if each.suspended else Span(f" {each.text} ", Role.CHIP), " "]
    return line(*parts)


def conditions_document(conditions: FilterConditions) -> Document:
    """Return every condition with a key `on:NUMBER`, and the filters there were with a key `was:NUMBER`."""
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
    """Return the placeholder of an empty list of exchanges."""
    if failure:
        return failure
    if not window.begins or not window.ends:
        return "Searching the log ..."
    if conditions.filter:
        return "No exchange matches the filter. s suspends it, / changes it."
    return "No exchange has been captured yet. C starts capturing."
