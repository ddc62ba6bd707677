"""Entries of the debug log as lines, each with the columns of a table."""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from types import MappingProxyType

from engine.api.schema.log import LogRow
from engine.documents.lines import Document, Line, Role, Span, fitted, line
from engine.documents.quantities import duration, size

SLOW = 2000.0
"""Minimum duration in milliseconds that is highlighted."""

NARROW = 76
"""Below this width, as in a pane, columns are closer, and there is no size."""

TIME, OPERATION, OUTCOME, DURATION, SIZE, DECISION = 8, 15, 20, 7, 6, 24
NARROW_OUTCOME = 17
WHOLE_OPERATION, WHOLE_OUTCOME = 21, 31
"""Widths if nothing is cut, which suffice for most values."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "impersonation-denied": "no right to read",
        "graph-access-denied": "no right to read",
        "access-policy-excludes": "no right to read",
        "calendar-not-readable": "no right to read",
        "impersonation-right-missing": "no right at all",
        "graph-permission-missing": "no right at all",
        "mailbox-not-found": "no mailbox",
        "mailbox-not-online": "not online",
        "exchange-unreachable": "unreachable",
        "pbx-unreachable": "unreachable",
        "authority-unreachable": "unreachable",
        "no-answer-in-time": "no answer in time",
        "login-refused": "log-in refused",
        "pbx-login-refused": "log-in refused",
        "pbx-password-wrong": "wrong password",
        "proxy-log-in-refused": "proxy: log-in",
        "pbx-connection-lost": "connection lost",
        "pbx-rights-missing": "right missing",
        "pbx-certificate-not-trusted": "not trusted",
        "certificate-not-trusted": "not trusted",
        "presence-unanswered": "no answer",
        "presence-refused": "refused",
        "user-login-refused": "log-in of a user",
    }
)
"""What a failure is called in a list, where its own name is not plain enough or too long."""


def in_words(problem: str) -> str:
    """Return what the failure with this name is called in a list."""
    return WORDS.get(problem) or problem.replace("-", " ")


def outcome(row: LogRow) -> Span:
    """Return the outcome of an entry in words; glyph and word convey the same as the colour."""
    if row.error:
        return Span(f"✗ {in_words(row.problem) or _reason(row)}", Role.PROBLEM)
    return _well(row)


def outcome_by_code(row: LogRow) -> Span:
    """Return the outcome of an entry by its code, as it is searched for."""
    return Span(f"✗ {_reason(row)}", Role.PROBLEM) if row.error else _well(row)


def _well(row: LogRow) -> Span:
    if row.quiet:
        return Span("· keep-alive", Role.MUTED)
    if row.part:
        return Span("· notification", Role.MUTED)
    return Span("✓ ok" if row.status in (200, None) else f"✓ {row.status}", Role.GOOD)


def operation(row: LogRow) -> str:
    """Return the operation, with PBX before it if it was said to the PBX."""
    return f"PBX {row.operation}" if row.peer == "pbx" else row.operation


def row_line(row: LogRow, width: int, zone: tzinfo, *, marked: bool) -> Line:
    """Return an entry in `width` columns, at least 54."""
    narrow = width < NARROW
    attempt = f" #{row.attempt}" if row.attempt > 1 else ""
    name = fitted(operation(row), OPERATION - len(attempt)) + attempt
    cell = outcome(row)
    gap = " " if narrow else "  "
    spans = [
        Span("* " if marked else "  ", Role.KEY),
        Span(f"{row.at.astimezone(zone):%H:%M:%S}{gap}", Role.MUTED),
        Span(f"{name}{gap}"),
        Span(fitted(cell.text, NARROW_OUTCOME if narrow else OUTCOME) + gap, cell.role),
        Span(f"{duration(row.ms):>{DURATION}}  ", Role.NOTICE if row.ms >= SLOW and not row.part else Role.PLAIN),
    ]
    if not narrow:
        spans.append(Span(f"{size(row.received):>{SIZE}}  ", Role.MUTED))
    room = width - sum(len(span.text) for span in spans[:3]) - (DURATION + 2 + (SIZE + 2 if not narrow else 0))
    room -= (NARROW_OUTCOME if narrow else OUTCOME) + len(gap)
    spans.append(Span(fitted(row.user or row.mailbox, room)))
    return Line(tuple(spans), str(row.id))


def numbered_line(row: LogRow, zone: tzinfo) -> Line:
    """Return an entry in as many columns as it needs, with its number and date."""
    local = row.at.astimezone(zone)
    spans = (
        Span(f"{row.id:>8} ", Role.KEY),
        Span(f"{local:%m-%d %H:%M:%S}.{local.microsecond // 1000:03} ", Role.MUTED),
        *_whole_columns(row),
        Span(whom(row)),
    )
    return Line(spans, str(row.id))


def whom(row: LogRow) -> str:
    """Return the mailbox that an entry is about, and its user."""
    if not row.mailbox:
        return row.user
    return f"{row.mailbox}{f' (user {row.user})' if row.user and row.user != row.mailbox else ''}"


def _whole_columns(row: LogRow) -> Iterator[Span]:
    attempt = f" #{row.attempt}" if row.attempt > 1 else ""
    cell = outcome_by_code(row)
    yield Span(fitted(operation(row), WHOLE_OPERATION - len(attempt), whole=True) + attempt + " ")
    yield Span(fitted(cell.text, WHOLE_OUTCOME, whole=True) + " ", cell.role)
    yield Span(f"{duration(row.ms):>{DURATION}} ", Role.NOTICE if row.ms >= SLOW and not row.part else Role.PLAIN)
    yield Span(f"{size(row.received):>{SIZE}} ", Role.MUTED)
    yield Span(fitted(row.decision, DECISION, whole=True) + " ", Role.NOTICE)


def _reason(row: LogRow) -> str:
    if row.codes and row.codes[0] != "NoError":
        return row.codes[0]
    return row.failure or (f"HTTP {row.status}" if row.status else "no answer")


def numbered_heads() -> Line:
    """Return the line with the column headings for `numbered_line`."""
    names = f"{'operation':<{WHOLE_OPERATION}} {'outcome':<{WHOLE_OUTCOME}} {'took':>{DURATION}} {'size':>{SIZE}}"
    return line(Span(f"{'number':>8} {'date and time':<18} {names} {'decision':<{DECISION}} mailbox", Role.TITLE))


def heads(width: int) -> Document:
    """Return the line with the column headings for `row_line`."""
    if width < NARROW:
        text = f"  {'time':<{TIME}} {'operation':<{OPERATION}} {'outcome':<{NARROW_OUTCOME}} {'took':>{DURATION}}"
        text += "  user" if width >= len(text) + len("  user") else ""
    else:
        text = f"  {'time':<{TIME}}  {'operation':<{OPERATION}}  {'outcome':<{OUTCOME}}  {'took':>{DURATION}}"
        text += f"  {'size':>{SIZE}}  user"
    return Document([line(Span(fitted(text, width), Role.TITLE))])
