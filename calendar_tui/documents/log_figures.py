"""The figures of the debug log: a chart over time with one column chosen, above errors and operations."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from engine.api.schema.log import LogDiagnosis, LogHistogram, LogHistogramQuestion, LogStatistics
from engine.display import counted
from engine.documents.lines import Document, Role, Span, line
from engine.documents.log_chart import LABEL, column_begin, histogram_lines, step_in_words, times_line
from engine.documents.log_status import statistics

BESIDE = 36
"""Columns right of the chart, for what the chosen column holds."""

FEWEST, MOST = 12, 500
COLUMN = "column"
"""The key of the line with the bars."""


def chart_columns(width: int) -> int:
    """Return how many columns there is room for."""
    return min(max(FEWEST, width - LABEL - BESIDE), MOST)


@dataclass(frozen=True, slots=True)
class Chart:
    """A histogram of the entries that match `filter`, and the chosen column."""

    histogram: LogHistogram
    filter: str
    column: int

    @classmethod
    def of(cls, histogram: LogHistogram, filter: str, at: datetime | None) -> "Chart":  # noqa: A002 - as in the API
        """Return the chart with the column of an instant chosen, or else the newest with entries."""
        last = max((place for place, count in enumerate(histogram.counts) if count), default=0)
        if at is not None:
            last = int((at - histogram.begin).total_seconds()) // histogram.seconds
        return cls(histogram, filter, min(max(0, last), max(0, len(histogram.counts) - 1)))

    @property
    def begin(self) -> datetime:
        """When the chosen column begins."""
        return column_begin(self.histogram, self.column)

    @property
    def end(self) -> datetime:
        """When the chosen column ends."""
        return column_begin(self.histogram, self.column + 1)

    def moved(self, step: int) -> "Chart | None":
        """Return the chart with a neighbouring column chosen, None if that is outside."""
        column = self.column + step
        inside = 0 <= column < len(self.histogram.counts)
        return Chart(self.histogram, self.filter, column) if inside else None

    def beyond(self, step: int, columns: int) -> LogHistogramQuestion | None:
        """Return the question for the part of the log before or after the chart, None if nothing is there."""
        this = self.histogram
        length = timedelta(seconds=this.seconds)
        has_more = (
            this.oldest is not None and this.oldest < this.begin
            if step < 0
            else this.newest is not None and this.newest >= this.begin + length * len(this.counts)
        )
        begin = this.begin + step * (columns // 2) * length
        return self._question(begin, this.seconds, columns) if has_more else None

    def zoomed(self, step: int, columns: int) -> LogHistogramQuestion | None:
        """Return the question for shorter columns, or longer ones if `step` is -1, around the chosen one."""
        seconds = self.histogram.finer if step > 0 else self.histogram.coarser
        if seconds is None or not self.histogram.counts:
            return None
        middle = self.begin + (self.end - self.begin) / 2
        return self._question(middle - timedelta(seconds=seconds * columns / 2), seconds, columns)

    def _question(self, begin: datetime, seconds: int, columns: int) -> LogHistogramQuestion:
        return LogHistogramQuestion(filter=self.filter, columns=columns, begin=begin, seconds=seconds)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions for the entries of the chosen column."""
        since, until = (f"{each.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for each in (self.begin, self.end))
        return f"since:{since}", f"until:{until}"


def title(chart: Chart | None, zone: tzinfo) -> tuple[str, str]:
    """Return how many entries there are and from when to when, and the length of a column."""
    if chart is None or chart.histogram.oldest is None or chart.histogram.newest is None:
        return "", ""
    this = chart.histogram
    oldest, newest = (each.astimezone(zone) for each in (chart.histogram.oldest, chart.histogram.newest))
    form = "%H:%M" if oldest.date() == newest.date() else "%d %b %H:%M"
    extent = f"{oldest:{form}}–{newest:{form}}"
    return f"{counted(this.count, 'entry', 'entries')}, {extent}", f"{step_in_words(this.seconds)} a column  + -"


def figures_document(
    chart: Chart, found: tuple[LogStatistics, LogDiagnosis] | None, zone: tzinfo, width: int
) -> Document:
    """Return the chart with the chosen column marked, then errors and operations; keys are filters."""
    lines = histogram_lines(chart.histogram, zone)
    if chart.histogram.counts:
        lines[0] = lines[0]._replace(key=COLUMN)
        lines[2] = line(
            Span(" " * LABEL),
            *_marked(chart, zone),
            Span(f"   {_chosen(chart, zone)}"),
        )
    below = statistics(*found, zone, width) if found is not None else Document([line(Span(" … counting", Role.MUTED))])
    return Document([*lines, line(), *below])


def _chosen(chart: Chart, zone: tzinfo) -> str:
    begin, end = chart.begin.astimezone(zone), chart.end.astimezone(zone)
    form = "%H:%M:%S" if chart.histogram.seconds < 60 else "%H:%M"
    count, errors = chart.histogram.counts[chart.column], chart.histogram.errors[chart.column]
    return f"{begin:{form}}–{end:{form}}: {count:,}, {counted(errors, 'error')}"


def _marked(chart: Chart, zone: tzinfo) -> tuple[Span, Span, Span]:
    """Return the times with a mark at the chosen column, in place of the time that it would stand in."""
    times, place = times_line(chart.histogram, zone).ljust(len(chart.histogram.counts)), chart.column
    start, end = place, place + 1
    while start and times[start - 1] != " " and times[place] != " ":
        start -= 1
    while end < len(times) and times[end] != " " and times[place] != " ":
        end += 1
    before = times[:start] + " " * (place - start)
    after = " " * (end - place - 1) + times[end:]
    return Span(before, Role.MUTED), Span("▲", Role.KEY), Span(after, Role.MUTED)
