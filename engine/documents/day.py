"""Everybody's day hour by hour: the calendar as bars above, the presence that follows from it below."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from engine.api.schema import UserRow
from engine.api.schema.days import DaysPage, UserDay
from engine.display import counted
from engine.documents.bars import (
    ACTIVITY_CELLS,
    KINDS,
    Bar,
    Scale,
    fitting,
    hour_of,
    hours_line,
    now_line,
    painted,
)
from engine.documents.lines import UNLIMITED, Document, Line, Role, Span, activity, cut, fitted, heading, line
from engine.documents.user_rows import name_of

CHART = 19
"""The column where charts begin: after the name, or the presence and until when."""

FIRST_HOUR, LAST_HOUR = 7, 19
MOST_CELLS = 8
"""Cells of an hour where there is room."""

_KIND_CELLS = {kind: (glyph, role) for kind, (glyph, role, _) in KINDS.items()}
_KIND_ORDER, _ACTIVITY_ORDER = list(_KIND_CELLS.values()), list(ACTIVITY_CELLS.values())


def hours_that_fit(width: int) -> int:
    """Return how many hours there is room for in `width` columns."""
    return max(1, (width - CHART - 1) // _per_hour(width))


def scrolled(day_begins: datetime, zone: tzinfo, hour: int, width: int) -> Scale:
    """Return a scale that begins at a local hour, with as many hours as fit."""
    per_hour = _per_hour(width)
    first = hour_of(day_begins, 0, zone) + hour * timedelta(hours=1)
    return Scale(first, hours_that_fit(width) * per_hour, per_hour)


def _per_hour(width: int) -> int:
    """Return how many cells an hour has: as many as possible where the usual hours fit, else five."""
    return MOST_CELLS if width - CHART - 1 >= (LAST_HOUR - FIRST_HOUR) * MOST_CELLS else 5


def chart_heads(scale: Scale, now: datetime, zone: tzinfo) -> list[Line]:
    """Return the hours, and the mark of the present instant below them."""
    return [hours_line(scale, zone, CHART), now_line(scale, now, CHART)]


def user_rows(row: UserRow, day: UserDay | None, scale: Scale, now: datetime, zone: tzinfo) -> tuple[Line, Line]:
    """Return the two lines of a user: name and calendar, state and presence. Without a `day`, it is still awaited."""
    name = Span(f" {fitted(name_of(row), CHART - 2)} ")
    if row.owner is not None:
        return Line((name, _elsewhere(row.owner, scale)), row.guid), Line(_state(row, zone, now, scale))
    return (
        Line((name, *calendar_cells(day, scale, now)), row.guid),
        Line((*_state(row, zone, now, scale), *presence_cells(day, scale, now))),
    )


def compact_row(row: UserRow, day: UserDay | None, scale: Scale, now: datetime) -> Line:
    """Return the one line of a user: name and presence."""
    name = Span(f" {fitted(name_of(row), CHART - 2)} ")
    if row.owner is not None:
        return Line((name, _elsewhere(row.owner, scale)), row.guid)
    return Line((name, *presence_cells(day, scale, now)), row.guid)


def _elsewhere(owner: str, scale: Scale) -> Span:
    """Return in place of a chart who has the calendar."""
    return Span(cut(f"node {owner} has the calendar" if owner else "no node has the calendar", scale.cells), Role.MUTED)


def calendar_cells(day: UserDay | None, scale: Scale, now: datetime) -> tuple[Span, ...]:
    """Return the kinds of a user's appointments as cells."""
    bars = (Bar(each.begins, each.ends, _KIND_CELLS[each.kind]) for each in (day.calendar if day else ()))
    return painted(bars, scale, now, _KIND_ORDER, _known(day))


def presence_cells(day: UserDay | None, scale: Scale, now: datetime) -> tuple[Span, ...]:
    """Return what a user's calendar makes the PBX show as cells; none where that is available."""
    busy = (each for each in (day.presence if day else ()) if each.activity in ACTIVITY_CELLS)
    bars = (Bar(each.begins, each.ends, ACTIVITY_CELLS[each.activity]) for each in busy)
    known = _known(day)
    inside = bars if known is None else (bar for bar in bars if bar.ends > known[0] and bar.begins < known[1])
    return painted(inside, scale, now, _ACTIVITY_ORDER, known)


def _known(day: UserDay | None) -> tuple[datetime, datetime] | None:
    if day is None or day.known_from is None or day.known_until is None:
        return None
    return day.known_from, day.known_until


def _state(row: UserRow, zone: tzinfo, now: datetime, scale: Scale) -> tuple[Span, ...]:
    """Return what the PBX shows and until when, or why it shows nothing, up to the chart; blanks on another day."""
    if scale.first.astimezone(zone).date() != now.astimezone(zone).date():
        return (Span(" " * CHART),)
    if row.state in ("problem", "unread"):
        text = "· not read yet" if row.state == "unread" else f"✗ {row.problem_title or row.problem}"
        role = Role.PROBLEM if row.state == "problem" else Role.MUTED
        return (Span(" "), Span(fitted(text, CHART - 2), role), Span(" "))
    until = "" if row.until is None or row.until - now > timedelta(days=1) else f"{row.until.astimezone(zone):%H:%M}"
    if row.withheld is not None:
        shown = activity(row.withheld.activity)
        return (Span(" would ", Role.NOTICE), shown._replace(text=fitted(shown.text, CHART - 8)), Span(" "))
    return (Span(" "), activity(row.activity), Span(" "), Span(f"{until:5}", Role.MUTED), Span(" "))


def legend() -> Line:
    """Return what the cells mean."""
    parts: list[str | Span] = []
    for kind in ("busy", "tentative", "oof", "working_elsewhere", "free", "no_data"):
        glyph, role, word = KINDS[kind]
        parts += [" ", Span(glyph, role), Span(f" {word} ", Role.MUTED)]
    return line(*parts, Span(" ┊ now", Role.MUTED))


def day_named(day: date) -> str:
    """Return a day in words."""
    return f"{day:%A} {day.day} {day:%B}"


def day_document(page: DaysPage, now: datetime, width: int) -> Document:
    """Return the days of all users of a page, from the first appointment to the last."""
    zone = ZoneInfo(page.timezone)
    room = (UNLIMITED if width >= UNLIMITED else width) - CHART - 1
    bars = [Bar(each.begins, each.ends, _KIND_CELLS[each.kind]) for day in page.days for each in day.calendar]
    scale = fitting(page.begins, zone, bars, room, hours=(FIRST_HOUR, LAST_HOUR), most=MOST_CELLS)
    return Document([*_whole(page, scale, now, zone), line(), legend()])


def _whole(page: DaysPage, scale: Scale, now: datetime, zone: tzinfo) -> Iterator[Line]:
    yield heading(f" {counted(page.total, 'user')} · {day_named(page.date)}")
    yield from chart_heads(scale, now, zone)
    for day in page.days:
        yield from user_rows(day.user, day, scale, now, zone)
