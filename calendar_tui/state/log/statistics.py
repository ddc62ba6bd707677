"""The log in figures: which errors there are and what to do about them, and how long everything takes."""

from collections.abc import Iterator

from rich.cells import cell_len

from calendar_tui.state.lines import Document, Line, Role, Span, cut, fitted, heading, line, typed_as_is, wrapped
from calendar_tui.state.log.figures import duration, size
from calendar_tui.state.log.values import condition_of_code, quoted
from engine.api.schema.log import Finding, LogDiagnosis, LogFigures, LogStatistics
from engine.display import counted


def statistics(figures: LogStatistics, diagnosis: LogDiagnosis, width: int) -> Document:
    """Return errors and figures; the key of a line is the filter that shows its exchanges."""
    return Document([*_findings(diagnosis, width), line(), *_figures(figures, width)])


def _findings(diagnosis: LogDiagnosis, width: int) -> Iterator[Line]:
    if not diagnosis.findings:
        yield line(Span(" Errors", Role.TITLE), Span("   none", Role.MUTED))
        return
    yield heading(f" Errors ({diagnosis.count:,})")
    for finding in diagnosis.findings:
        yield from _finding(finding, width)


def _finding(finding: Finding, width: int) -> Iterator[Line]:
    this = finding.diagnosis
    times = "once" if finding.count == 1 else f"{finding.count:,} times"
    whom = f"{times}, {counted(finding.users, 'user')}: {', '.join(finding.mailboxes)}"
    first, *more = wrapped(f"✗ {this.code}", width - 1, " ", Role.PROBLEM)
    room = width - cell_len(first.text) - 1
    yield line(*first.spans, "" if more else cut(f"  {whom}", room), key=condition_of_code(this.code))
    yield from more
    if more:
        yield line(cut(f"   {whom}", width - 1))
    yield from wrapped(this.meaning, width - 1, "     ")
    yield from wrapped(f"Cause: {this.cause}" if this.cause else "", width - 1, "     ", Role.MUTED)
    yield from wrapped(f"Remedy: {this.remedy}" if this.remedy else "", width - 1, "     ")
    yield from typed_as_is(this.command, width - 1, "       ", ": c copies it where one of these exchanges is shown")


def _figures(figures: LogStatistics, width: int) -> Iterator[Line]:
    yield heading(f" Figures over {counted(figures.count, 'exchange')}, {counted(figures.errors, 'error')}")
    room = width - 46
    yield line(Span(f" {'operation and outcome':<{room}}  count errors   half within  95 % within", Role.MUTED))
    for each in figures.figures:
        yield _figure(each, room)


def _figure(figure: LogFigures, room: int) -> Line:
    name = fitted(f"{figure.operation}  {figure.code}", room)
    role = Role.PROBLEM if figure.errors else Role.PLAIN
    times = f" {duration(figure.p50):>13} {duration(figure.p95):>12}"
    key = f"op:{quoted(figure.operation)}" + (f" {condition_of_code(figure.code)}" if figure.errors else "")
    return line(" ", Span(name, role), f" {figure.count:>6,}", Span(f" {figure.errors:>6,}", role), times, key=key)


def totals(figures: LogStatistics) -> str:
    """Return how many bytes went over the wire."""
    sent, received = sum(each.sent for each in figures.figures), sum(each.received for each in figures.figures)
    return f"{size(sent)} sent, {size(received)} received"
