"""The state of capturing, and the statistics of the debug log."""

import re
from collections.abc import Iterator
from datetime import tzinfo
from types import MappingProxyType

from engine.api.schema.cluster import ClusterState
from engine.api.schema.log import CaptureState, Finding, LogDiagnosis, LogFigures, LogStatistics
from engine.display import counted
from engine.documents.columns import columns, printable, shortened
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


def capture_spans(state: CaptureState | None, zone: tzinfo, node: str = "") -> tuple[Span, ...]:
    """Return the state of capturing: of which mailboxes, until when, and the amount stored; `node` keeps it, if there
    are several."""
    if state is None:
        return (Span("The state of the log is not known yet.", Role.MUTED),)
    if state.trouble or state.dropped:
        return (Span(_dropped(state), Role.PROBLEM),)
    if not state.on:
        return (Span(NOT_CAPTURING, Role.NOTICE), Span(". C starts.", Role.MUTED), *_kept(state, node))
    until = f" until {state.until.astimezone(zone):%H:%M}" if state.until else ""
    return (Span(f"{_capturing(state)}{until}", Role.GOOD), *_kept(state, node))


def capture_line(state: CaptureState | None, zone: tzinfo, width: int, node: str = "") -> Line:
    """Return the state of capturing in at most `width` columns; `node` keeps the log, if there are several."""
    spans, room = [Span(" ")], width - 1
    for span in capture_spans(state, zone, node):
        spans.append(span._replace(text=cut(span.text, room)))
        room -= columns(spans[-1].text)
    return line(*spans)


def capture_document(state: CaptureState, zone: tzinfo, width: int) -> Document:
    """Return the state of capturing with the end date, and with the number of dropped entries."""
    until = f" until {state.until.astimezone(zone):%Y-%m-%d %H:%M:%S}" if state.until else ""
    said = Span(f"{_capturing(state)}{until}", Role.GOOD) if state.on else Span(NOT_CAPTURING, Role.NOTICE)
    dropped = wrapped(_dropped(state), width, " ", Role.PROBLEM) if state.trouble or state.dropped else ()
    return Document([line(" ", said, *_kept(state)), *dropped])


SIDES = MappingProxyType({"exchange": "Exchange", "pbx": "the PBX"})
LONGEST_NODE = 12
"""Columns of the name of a node."""

NOT_CAPTURING = "· not capturing"


def kept_by(cluster: ClusterState) -> str:
    """Return which node keeps the log that is shown, and how to see those of the others."""
    others = ", ".join(each.name for each in cluster.nodes if not each.own)
    where = f" Those of {others} are kept there: give the same command on their machines." if others else ""
    return f"This log is kept by node {cluster.node}.{where}"


def _kept(state: CaptureState, node: str = "") -> tuple[Span, ...]:
    by = f" by node {shortened(node, LONGEST_NODE)}" if node else ""
    return (Span(f" · {state.stored:,} kept{by} · {size(state.bytes)} of {size(state.max_bytes)}", Role.MUTED),)


def _dropped(state: CaptureState) -> str:
    return f"✗ {counted(state.dropped, 'entry', 'entries')} dropped{': ' if state.trouble else ''}{state.trouble}"


def _capturing(state: CaptureState) -> str:
    side = "" if len(state.peers) > 1 else f", only {SIDES[state.peers[0]]}"
    return f"● capturing {', '.join(state.mailboxes) or 'everybody'}{side}"


TIMES, USERS, LAST = 7, 8, 9
"""Width of the columns of the errors."""


def statistics(figures: LogStatistics, diagnosis: LogDiagnosis, zone: tzinfo, width: int) -> Document:
    """Return errors and figures; the key of a line is the filter that shows its entries."""
    return Document([*_findings(diagnosis, zone, width), line(), *_figures(figures, width)])


def _findings(diagnosis: LogDiagnosis, zone: tzinfo, width: int) -> Iterator[Line]:
    room = width - TIMES - USERS - LAST - 1
    if not diagnosis.findings:
        yield line(Span(" Errors", Role.TITLE), Span("   none", Role.MUTED))
        return
    names = f"{'times':>{TIMES}}{'users':>{USERS}}{'last':>{LAST}}"
    yield line(Span(fitted(f" Errors {diagnosis.count:,}", room), Role.TITLE), Span(names, Role.MUTED))
    for finding in diagnosis.findings:
        this = finding.diagnosis
        numbers = f"{finding.count:>{TIMES},}{finding.users:>{USERS},}"
        last = f"{finding.last.astimezone(zone):%H:%M}"
        title = Span(fitted(f" ✗ {this.meaning}", room), Role.PROBLEM)
        yield line(title, numbers, Span(f"{last:>{LAST}}", Role.MUTED), key=condition_of_code(this.code))


def _errors(diagnosis: LogDiagnosis) -> Line:
    if not diagnosis.findings:
        return line(Span(" Errors", Role.TITLE), Span("   none", Role.MUTED))
    return heading(f" Errors ({diagnosis.count:,})")


def _whom(finding: Finding) -> str:
    times = "once" if finding.count == 1 else f"{finding.count:,} times"
    named = f": {', '.join(finding.mailboxes)}" if finding.mailboxes else ""
    return f"{times}, {counted(finding.users, 'user')}{named}"


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
    """Return only the figures, below the number of entries."""
    said = f" {counted(figures.count, 'entry', 'entries')}, {counted(figures.errors, 'error')}"
    return Document([heading(said), *_figures(figures, width)])


COUNT, PERCENTILE = 8, 15
"""Width of the columns of the figures."""


def _figures(figures: LogStatistics, width: int) -> Iterator[Line]:
    room = width - 2 * COUNT - 2 * PERCENTILE - 2
    if width >= UNLIMITED:
        room = max((columns(printable(_name(each))) for each in figures.figures), default=0)
        room = max(room, 21)
    names = f"{'count':>{COUNT}}{'errors':>{COUNT}}{'half within':>{PERCENTILE}}{'95 % within':>{PERCENTILE}}"
    yield line(Span(f" {fitted('Operation', room)}", Role.TITLE), Span(names, Role.MUTED))
    for each in figures.figures:
        yield _figure(each, room)


def _figure(figure: LogFigures, room: int) -> Line:
    role = Role.PROBLEM if figure.errors else Role.PLAIN
    numbers = f"{figure.count:>{COUNT},}"
    times = f"{duration(figure.p50):>{PERCENTILE}}{duration(figure.p95):>{PERCENTILE}}"
    key = f"op:{quoted(figure.operation)}" + (f" {condition_of_code(figure.code)}" if figure.errors else "")
    return line(
        " ", Span(fitted(_name(figure), room), role), numbers, Span(f"{figure.errors:>{COUNT},}", role), times, key=key
    )


def _name(figure: LogFigures) -> str:
    return f"{figure.operation}  {figure.code}" if figure.errors else figure.operation
