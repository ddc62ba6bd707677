"""Entries of the debug log as lines, each with the columns of a table."""

from collections.abc import Iterator
from datetime import tzinfo

from engine.api.schema.log import LogRow
from engine.documents.lines import Document, Line, Role, Span, fitted, line
from engine.documents.quantities import duration, size

SLOW = 2000.0
"""Minimum duration in milliseconds that is highlighted."""

WIDE = 110
"""Minimum width to show the decision."""

TIME, OPERATION, OUTCOME, DURATION, SIZE, DECISION = 8, 15, 21, 7, 6, 24
WHOLE_OPERATION, WHOLE_OUTCOME = 21, 31
"""Widths if nothing is cut, which suffice for most values."""


def outcome(row: LogRow) -> Span:
    """Return the outcome of an entry; glyph and word convey the same as the colour."""
    if row.error:
        return Span(f"✗ {_reason(row)}", Role.PROBLEM)
    if row.part:
        return Span("· notification", Role.MUTED)
    return Span("✓ ok" if row.status == 200 else f"✓ {row.status or ''}", Role.GOOD)


def row_line(row: LogRow, width: int, zone: tzinfo, *, marked: bool) -> Line:
    """Return an entry in `width` columns, which should be at least 80."""
    wide = width >= WIDE
    fixed = 2 + TIME + OPERATION + OUTCOME + DURATION + SIZE + 5 + (DECISION + 1 if wide else 0)
    spans = (
        Span("▸ " if marked else "  ", Role.KEY),
        Span(f"{row.at.astimezone(zone):%H:%M:%S} ", Role.MUTED),
        *_columns(row, wide=wide, whole=False),
        Span(fitted(_whose(row, wide=wide), width - fixed)),
    )
    return Line(spans, str(row.id))


def numbered_line(row: LogRow, zone: tzinfo) -> Line:
    """Return an entry in as many columns as it needs, with its number and date."""
    local = row.at.astimezone(zone)
    spans = (
        Span(f"{row.id:>8} ", Role.KEY),
        Span(f"{local:%m-%d %H:%M:%S}.{local.microsecond // 1000:03} ", Role.MUTED),
        *_columns(row, wide=True, whole=True),
        Span(whom(row)),
    )
    return Line(spans, str(row.id))


def whom(row: LogRow) -> str:
    """Return the mailbox that an entry is about, and its user."""
    return f"{row.mailbox}{f' (user {row.user})' if row.user and row.user != row.mailbox else ''}"


def _columns(row: LogRow, *, wide: bool, whole: bool) -> Iterator[Span]:
    attempt = f" #{row.attempt}" if row.attempt > 1 else ""
    operation, result = (WHOLE_OPERATION, WHOLE_OUTCOME) if whole else (OPERATION, OUTCOME)
    cell = outcome(row)
    yield Span(fitted(row.operation, operation - len(attempt), whole=whole) + attempt + " ")
    yield Span(fitted(cell.text, result, whole=whole) + " ", cell.role)
    yield Span(f"{duration(row.ms):>{DURATION}} ", Role.NOTICE if row.ms >= SLOW and not row.part else Role.PLAIN)
    yield Span(f"{size(row.received):>{SIZE}} ", Role.MUTED)
    if wide:
        yield Span(fitted(row.decision, DECISION, whole=whole) + " ", Role.NOTICE)


def _reason(row: LogRow) -> str:
    if row.codes and row.codes[0] != "NoError":
        return row.codes[0]
    return row.failure or (f"HTTP {row.status}" if row.status else "no answer")


def _whose(row: LogRow, *, wide: bool) -> str:
    """Return the user, by name if there is no room for an address."""
    return row.mailbox or row.user if wide else row.user or row.mailbox


def numbered_heads() -> Line:
    """Return the line with the column headings for `numbered_line`."""
    return line(Span(f"{'number':>8} {'date and time':<18} {_heads('mailbox', wide=True, whole=True)}", Role.TITLE))


def heads(width: int) -> Document:
    """Return the line with the column headings."""
    wide = width >= WIDE
    text = f"  {'time':<{TIME}} {_heads('mailbox' if wide else 'user', wide=wide, whole=False)}"
    return Document([line(Span(fitted(text, width), Role.TITLE))])


def _heads(whose: str, *, wide: bool, whole: bool) -> str:
    operation, result = (WHOLE_OPERATION, WHOLE_OUTCOME) if whole else (OPERATION, OUTCOME)
    decision = f"{'decision':<{DECISION}} " if wide else ""
    names = f"{'operation':<{operation}} {'outcome':<{result}} "
    return f"{names}{'took':>{DURATION}} {'size':>{SIZE}} {decision}{whose}"
