"""Charts of a day: cells of some minutes, filled where an appointment or a presence is."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from engine.api.schema import Activity
from engine.api.schema.days import Kind
from engine.documents.lines import Line, Role, Span, line

Cell = tuple[str, Role]
BLANK: Cell = (" ", Role.PLAIN)
NOW: Cell = ("┊", Role.MUTED)
UNKNOWN: Cell = ("?", Role.MUTED)
NOW_MARK = Span("▼", Role.KEY)

KINDS: dict[Kind, tuple[str, Role, str]] = {
    "tentative_exception": ("▒", Role.AWAY, "tentative, counts"),
    "oof": ("▓", Role.AWAY, "out of office"),
    "busy": ("█", Role.BUSY, "busy"),
    "tentative": ("▒", Role.NOTICE, "tentative"),
    "working_elsewhere": ("░", Role.AVAILABLE, "elsewhere"),
    "no_data": ("?", Role.MUTED, "no data"),
    "free": ("─", Role.MUTED, "free"),
}
"""Glyph, role and legend of each kind of bar, the most important one first."""

ACTIVITY_CELLS: dict[Activity, Cell] = {
    "dnd": ("⊘", Role.DND),
    "away": ("◐", Role.AWAY),
    "busy": ("●", Role.BUSY),
}
"""What the presence row shows: all but available."""


class Bar(NamedTuple):
    """A cell's content from `begins` until `ends`."""

    begins: datetime
    ends: datetime
    cell: Cell


class Scale(NamedTuple):
    """Maps instants to cells: `cells` of them from `first` on, `per_hour` for each hour."""

    first: datetime
    cells: int
    per_hour: int

    @property
    def length(self) -> timedelta:
        """The time that one cell stands for."""
        return timedelta(hours=1) / self.per_hour

    def cell(self, instant: datetime) -> int:
        """Return the index of the cell with an instant in it, possibly outside the chart."""
        return (instant - self.first) // self.length


def hour_of(day_begins: datetime, hour: int, zone: tzinfo) -> datetime:
    """Return the instant at which a local hour begins on the day that starts at `day_begins`."""
    return day_begins.astimezone(zone).replace(hour=hour, minute=0, fold=0).astimezone(day_begins.tzinfo)


def fitting(
    day_begins: datetime, zone: tzinfo, bars: Iterable[Bar], width: int, *, hours: tuple[int, int], most: int
) -> Scale:
    """Return a scale of at most `width` cells that has the usual `hours` of the day and all of its bars in it, with up
    to `most` cells an hour."""
    first, last = hour_of(day_begins, hours[0], zone), hour_of(day_begins, hours[1], zone)
    day_ends = (day_begins.astimezone(zone).replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    for bar in bars:
        if bar.begins > day_begins:
            first = min(first, bar.begins)
        if bar.ends < day_ends:
            last = max(last, bar.ends)
    first = first.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(day_begins.tzinfo)
    wanted = max(1, -(-(last - first) // timedelta(hours=1)))
    per_hour = max(1, min(most, width // wanted))
    return Scale(first, min(width, wanted * per_hour), per_hour)


def hours_line(scale: Scale, zone: tzinfo, indent: int) -> Line:
    """Return the line with the hours, as many as there is room for."""
    step = next(step for step in (1, 2, 3, 6) if step * scale.per_hour >= 4 or step == 6)
    marks = [" "] * (scale.cells + 2)
    instant, place = scale.first, 0
    while place < scale.cells:
        hour = instant.astimezone(zone)
        if hour.hour % step == 0:
            marks[place : place + 2] = f"{hour:%H}"
        instant, place = instant + timedelta(hours=1), place + scale.per_hour
    return line(" " * indent, Span("".join(marks[: scale.cells]).rstrip(), Role.MUTED))


def now_line(scale: Scale, now: datetime, indent: int) -> Line:
    """Return the line that points to the present instant, an empty one if that is not on the chart."""
    here = scale.cell(now)
    return line(" " * (indent + here), NOW_MARK) if 0 <= here < scale.cells else line()


def painted(
    bars: Iterable[Bar], scale: Scale, now: datetime, order: Sequence[Cell], known: tuple[datetime, datetime] | None
) -> tuple[Span, ...]:
    """Return the cells of a chart; where bars meet in a cell, the first by `order` is shown. Where nothing is known,
    before and after `known`, there are question marks."""
    cells: list[Cell] = [BLANK] * scale.cells
    if known is not None:
        begin, end = (max(0, min(scale.cells, scale.cell(each))) for each in known)
        cells = [UNKNOWN] * begin + [BLANK] * (end - begin) + [UNKNOWN] * (scale.cells - end)
    ranks = {cell: rank for rank, cell in enumerate(order)}
    for bar in bars:
        first = max(0, scale.cell(bar.begins))
        last = min(scale.cells, -((scale.first - bar.ends) // scale.length))
        for place in range(first, last):
            if ranks[bar.cell] <= ranks.get(cells[place], len(ranks)):
                cells[place] = bar.cell
    here = scale.cell(now)
    if 0 <= here < scale.cells and cells[here] == BLANK:
        cells[here] = NOW
    return _spans(cells)


def _spans(cells: Iterable[Cell]) -> tuple[Span, ...]:
    """Return cells as spans, those of one role as one."""
    spans: list[Span] = []
    for text, role in cells:
        if spans and (text == " " or spans[-1].role == role):
            spans[-1] = spans[-1]._replace(text=spans[-1].text + text)
        else:
            spans.append(Span(text, role))
    return tuple(spans)
