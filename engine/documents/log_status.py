"""The state of capturing, and the statistics of the debug log."""

import re
from collections.abc import Iterator
from datetime import tzinfo
from types import MappingProxyType

from engine.api.schema.log import CaptureState, Finding, LogDiagnosis, LogFigures, LogStatistics
from engine.display import counted
from engine.documents.columns import columns, printable
from engine.documents.lines import (
    UNLIMITED,
    Document,
    Line,
    Role,
    Span,
    cut,
    fitted,
    heading,
    line,
    typed_as_is,
    wrapped,
)
from engine.documents.log_entry import diagnosis_lines
from engine.documents.quantities import duration, size

_STATUS = re.compile(r"HTTP (\d{3})\b")


def condition_of_code(code: str) -> str:
    """Return the filter condition for a code, for the first of several, or for an HTTP status."""
    status = _STATUS.match(code)
    return f"status:{status[1]}" if status else f"code:{quoted(code.partition(' ')[0])}"


def quoted(value: str) -> str:
    """Return a value in the syntax of a filter."""
    if value and all(letter.isalnum() or letter in "@._-" for letter in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def capture_line(state: CaptureState | None, zone: tzinfo, width: int) -> Line:
    """Return a line with the state of capturing: of which mailboxes, until when, and the amount stored."""
    if state is None:
        return line(Span(" The state of the log is not known yet.", Role.MUTED))
    if state.trouble or state.dropped:
        return line(Span(cut(f" {_dropped(state)}", width), Role.PROBLEM))
    if not state.on:
        detail = f" (C starts)   {_kept(state)}"
        return line(Span(NOT_CAPTURING, Role.NOTICE), Span(cut(detail, width - len(NOT_CAPTURING)), Role.MUTED))
    until = f" until {state.until.astimezone(zone):%H:%M}" if state.until else ""
    said = f"{_capturing(state)}{until}"
    return line(
        Span(cut(said, width), Role.GOOD), Span(cut(f"   {_kept(state)}", max(0, width - len(said))), Role.MUTED)
    )


def capture_document(state: CaptureState, zone: tzinfo, width: int) -> Document:
    """Return the state of capturing with the end date, and with the number of dropped entries."""
    until = f" until {state.until.astimezone(zone):%Y-%m-%d %H:%M:%S}" if state.until else ""
    said = Span(f"{_capturing(state)}{until}", Role.GOOD) if state.on else Span(NOT_CAPTURING, Role.NOTICE)
    dropped = wrapped(_dropped(state), width, " ", Role.PROBLEM) if state.trouble or state.dropped else ()
    return Document([line(said, Span(f"   {_kept(state)}", Role.MUTED)), *dropped])


SIDES = MappingProxyType({"exchange": "Exchange", "pbx": "the PBX"})
NOT_CAPTURING = " · not capturing"


def _kept(state: CaptureState) -> str:
    return f"{counted(state.stored, 'entry', 'entries')} kept, {size(state.bytes)} of {size(state.max_bytes)}"


def _dropped(state: CaptureState) -> str:
    return f"✗ {counted(state.dropped, 'entry', 'entries')} dropped{': ' if state.trouble else ''}{state.trouble}"


def _capturing(state: CaptureState) -> str:
    side = "" if len(state.peers) > 1 else f", only {SIDES[state.peers[0]]}"
    return f" ✓ capturing {', '.join(state.mailboxes) or 'everybody'}{side}"


def statistics(figures: LogStatistics, diagnosis: LogDiagnosis, width: int) -> Document:
    """Return errors and figures; the key of a line is the filter that shows its entries."""
    return Document([*_findings(diagnosis, width), line(), *_figures(figures, width)])


def _findings(diagnosis: LogDiagnosis, width: int) -> Iterator[Line]:
    yield _errors(diagnosis)
    for finding in diagnosis.findings:
        yield from _finding(finding, width)


def _errors(diagnosis: LogDiagnosis) -> Line:
    if not diagnosis.findings:
        return line(Span(" Errors", Role.TITLE), Span("   none", Role.MUTED))
    return heading(f" Errors ({diagnosis.count:,})")


def _whom(finding: Finding) -> str:
    times = "once" if finding.count == 1 else f"{finding.count:,} times"
    named = f": {', '.join(finding.mailboxes)}" if finding.mailboxes else ""
    return f"{times}, {counted(finding.users, 'user')}{named}"


def _finding(finding: Finding, width: int) -> Iterator[Line]:
    this = finding.diagnosis
    whom = _whom(finding)
    first, *more = wrapped(f"✗ {this.code}", width - 1, " ", Role.PROBLEM)
    room = width - columns(first.text) - 1
    yield line(*first.spans, "" if more else cut(f"  {whom}", room), key=condition_of_code(this.code))
    yield from more
    if more:
        yield line(cut(f"   {whom}", width - 1))
    yield from wrapped(this.meaning, width - 1, "     ")
    yield from wrapped(f"Cause: {this.cause}" if this.cause else "", width - 1, "     ", Role.MUTED)
    yield from wrapped(f"Remedy: {this.remedy}" if this.remedy else "", width - 1, "     ")
    yield from typed_as_is(this.command, width - 1, "       ", ": open one of these entries and press c to copy it")


def whole_findings(diagnosis: LogDiagnosis, zone: tzinfo, width: int) -> Document:
    """Return each kind of error with its count, the users concerned and the full remedy."""
    lines = [_errors(diagnosis)]
    for finding in diagnosis.findings:
        rest = finding.users - len(finding.mailboxes)
        last = f"; last at {finding.last.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        more = f" and {rest:,} more" if finding.mailboxes and rest > 0 else ""
        lines += diagnosis_lines(finding.diagnosis, width, whole=True)
        lines += wrapped(f"{_whom(finding)}{more}{last}", width - 1, "   ", Role.MUTED)
    return Document(lines)


def figures_document(figures: LogStatistics, width: int) -> Document:
    """Return only the figures."""
    return Document([*_figures(figures, width)])


def _figures(figures: LogStatistics, width: int) -> Iterator[Line]:
    yield heading(f" Statistics for {counted(figures.count, 'entry', 'entries')}, {counted(figures.errors, 'error')}")
    room = width - 46
    if width >= UNLIMITED:
        room = max(columns(printable(_name(each))) for each in figures.figures) if figures.figures else 0
        room = max(room, 21)
    yield line(Span(f" {'operation and outcome':<{room}}  count errors        median    95th pct.", Role.MUTED))
    for each in figures.figures:
        yield _figure(each, room)


def _figure(figure: LogFigures, room: int) -> Line:
    name = fitted(_name(figure), room)
    role = Role.PROBLEM if figure.errors else Role.PLAIN
    times = f" {duration(figure.p50):>13} {duration(figure.p95):>12}"
    key = f"op:{quoted(figure.operation)}" + (f" {condition_of_code(figure.code)}" if figure.errors else "")
    return line(" ", Span(name, role), f" {figure.count:>6,}", Span(f" {figure.errors:>6,}", role), times, key=key)


def _name(figure: LogFigures) -> str:
    return f"{figure.operation}  {figure.code}"


def totals(figures: LogStatistics) -> str:
    """Return the number of bytes sent and received."""
    sent, received = sum(each.sent for each in figures.figures), sum(each.received for each in figures.figures)
    return f"{size(sent)} sent, {size(received)} received"
