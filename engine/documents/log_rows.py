"""Entries of the debug log as lines, each with the columns of a table."""

from datetime import tzinfo

from engine.api.schema.log import LogRow
from engine.documents.lines import Document, Line, Role, Span, fitted, line
from engine.documents.quantities import duration, size

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


def heads(width: int) -> Document:
    """Return the line above the columns."""
    decision = f"{'decision':<{DECISION}} " if width >= WIDE else ""
    whose = "mailbox" if width >= WIDE else "user"
    text = (
        f"  {'time':<{TIME}} {'operation':<{OPERATION}} {'outcome':<{OUTCOME}} "
        f"{'took':>{DURATION}} {'size':>{SIZE}} {decision}{whose}"
    )
    return Document([line(Span(fitted(text, width), Role.TITLE))])
