"""How many debug log entries ended when, as bars over a line of times."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from engine.api.schema.log import LogHistogram
from engine.display import counted
from engine.documents.lines import Document, Line, Role, Span, line

LABEL = 10
"""Columns before the first bar."""

_EIGHTHS = "▁▂▃▄▅▆▇█"
_ROUND, _GAP = 6, 2
"""A time is shown where it is a multiple of so many columns, so far behind the one before."""


def bars(counts: Sequence[int]) -> str:
    """Return a bar for each count, in eighths of the largest; a blank for none."""
    most = max(counts, default=0)
    return "".join(_EIGHTHS[-(-count * 7 // most)] if count else " " for count in counts)


def step_in_words(seconds: int) -> str:
    """Return the length of a column."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def column_begin(this: LogHistogram, column: int) -> datetime:
    """Return when a column begins."""
    return this.begin + timedelta(seconds=column * this.seconds)


def times_line(this: LogHistogram, zone: tzinfo) -> str:
    """Return the times below the bars, each where its column begins."""
    text = ""
    for column in range(len(this.counts)):
        begin = column_begin(this, column).astimezone(zone)
        is_round = begin.timestamp() % (this.seconds * _ROUND) == 0
        if column == 0 or (is_round and len(text) + _GAP <= column):
            text = text.ljust(column) + _time(begin, this.seconds)
    return text


def _time(begin: datetime, seconds: int) -> str:
    if seconds >= 21_600:
        return f"{begin:%d %b}"
    return f"{begin:%H:%M:%S}" if seconds < 15 else f"{begin:%H:%M}"


def histogram_lines(this: LogHistogram, zone: tzinfo) -> list[Line]:
    """Return the bars of all entries and of errors, the peak, and the times below."""
    if not this.counts:
        return [line(Span(" No entry matches the filter.", Role.MUTED))]
    peak = max(this.counts)
    at = column_begin(this, this.counts.index(peak)).astimezone(zone)
    most = f"   peak {peak:,} at {at:%H:%M}" if peak else ""
    return [
        _row("all", bars(this.counts), Role.BAR, most),
        _row("errors", bars(this.errors), Role.PROBLEM, f"   {sum(this.errors):,}"),
        line(Span(" " * LABEL + times_line(this, zone), Role.MUTED)),
    ]


def _row(name: str, drawn: str, role: Role, more: str) -> Line:
    return line(Span(f" {name:<{LABEL - 1}}", Role.MUTED), Span(drawn, role), Span(more, Role.MUTED))


def histogram_document(this: LogHistogram, zone: tzinfo) -> Document:
    """Return the bars below the number of entries and errors, their extent and the length of a column."""
    extent = ""
    if this.oldest is not None and this.newest is not None:
        oldest, newest = (each.astimezone(zone) for each in (this.oldest, this.newest))
        extent = f", {oldest:%Y-%m-%d %H:%M:%S} to {newest:%Y-%m-%d %H:%M:%S}, {step_in_words(this.seconds)} a column"
    said = f" {counted(this.count, 'entry', 'entries')}, {counted(this.error_count, 'error')}{extent}"
    return Document([line(Span(said, Role.TITLE)), *histogram_lines(this, zone)])
