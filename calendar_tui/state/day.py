"""A user's day as bars: the appointments by kind, the presence they make, and where we are in it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, tzinfo

from calendar_tui.state.lines import Line, Role, Span, line
from engine.api.schema import Activity, AppointmentAccount, UserDetail

LABEL_WIDTH = 10
MOST_LANES = 5
"""Rows that appointments at the same time are spread over."""

KINDS = {
    "busy": ("█", Role.BUSY, "busy"),
    "tentative": ("▒", Role.NOTICE, "tentative"),
    "tentative_exception": ("▒", Role.AWAY, "tentative, counts"),
    "oof": ("▓", Role.AWAY, "out of office"),
    "working_elsewhere": ("░", Role.AVAILABLE, "elsewhere"),
    "no_data": ("?", Role.MUTED, "no data"),
    "free": ("─", Role.MUTED, "free"),
}
"""How bars are drawn, and the words of the legend."""

BORDER = "▐"
"""Begins an appointment where the one before ends in the same moment."""

GLYPHS: dict[Activity, tuple[str, Role]] = {
    "available": ("○", Role.AVAILABLE),
    "busy": ("●", Role.BUSY),
    "away": ("◐", Role.AWAY),
    "dnd": ("⊘", Role.DND),
}
FIRST_HOUR, LAST_HOUR = 7, 19
"""What of the day is always shown."""


class Scale:
    """From instants to columns: whole hours around whatever happens on the day that begins at `midnight`."""

    def __init__(
        self, midnight: datetime, zone: tzinfo, appointments: Iterable[AppointmentAccount], columns: int
    ) -> None:
        local = midnight.astimezone(zone)
        next_midnight = (local.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        first, last = local + timedelta(hours=FIRST_HOUR), local + timedelta(hours=LAST_HOUR)
        for each in appointments:
            if not each.all_day and local <= each.start < next_midnight:
                first = min(first, each.start.astimezone(zone).replace(minute=0))
            if not each.all_day and local < each.end <= next_midnight:
                last = max(last, each.end.astimezone(zone))
        self.first, self.last, self.zone, self.columns = first, last, zone, columns
        self._seconds = (last - first).total_seconds() / columns

    def column(self, instant: datetime) -> int:
        """Return the column of an instant, perhaps out of the picture."""
        return int((instant - self.first).total_seconds() // self._seconds)

    def instant(self, column: int) -> datetime:
        """Return the middle of a column."""
        return self.first + timedelta(seconds=self._seconds * (column + 0.5))

    def hours(self) -> Line:
        """Return the line of the hours, as many as have room."""
        step = next(step for step in (1, 2, 3, 6) if self.column(self.first + timedelta(hours=step)) >= 4 or step == 6)
        marks = [" "] * (self.columns + 2)
        hour = self.first
        while hour < self.last:
            start = self.column(hour)
            marks[start : start + 2] = f"{hour.astimezone(self.zone):%H}"
            hour += timedelta(hours=step)
        return line(" " * LABEL_WIDTH, Span("".join(marks), Role.MUTED))


def timeline(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> list[Line]:
    """Return the day of a user in `width` columns."""
    appointments = user.decision.appointments if user.decision else ()
    scale = Scale(user.day_begins, zone, appointments, width - LABEL_WIDTH - 2)
    shown = [each for each in appointments if each.end > scale.first and each.start < scale.last]
    here = scale.column(now)
    rows = [_now_line(here, scale), scale.hours()]
    for index, lane in enumerate(_lanes(shown)):
        rows.append(_row("calendar" if index == 0 else "", _appointment_at(lane), scale, here))
    if not shown:
        rows.append(line(f" {'calendar':<9}", Span("nothing", Role.MUTED)))
    rows.append(_row("presence", _presence_at(user), scale, here))
    rows.append(_legend(shown))
    return rows


Cell = tuple[str, Role]


def _row(label: str, cell_at: Callable[[datetime], Cell], scale: Scale, here: int) -> Line:
    spans: list[Span] = [Span(f" {label:<9}", Role.MUTED)]
    for column in range(scale.columns):
        text, role = cell_at(scale.instant(column))
        if column == here and text == " ":
            text, role = "┊", Role.NOTICE
        if spans[-1].role == role and len(spans) > 1:
            spans[-1] = Span(spans[-1].text + text, role)
        else:
            spans.append(Span(text, role))
    return Line(tuple(spans))


def _now_line(here: int, scale: Scale) -> Line:
    if not 0 <= here < scale.columns:
        return line()
    return line(" " * (LABEL_WIDTH + here), Span("▼", Role.NOTICE))


def _appointment_at(lane: Sequence[AppointmentAccount]) -> Callable[[datetime], Cell]:
    """Return what is in each column, asked for from left to right."""
    before: AppointmentAccount | None = None

    def cell(instant: datetime) -> Cell:
        nonlocal before
        here = next((each for each in lane if each.start <= instant < each.end), None)
        touches, before = before not in (None, here), here
        if here is None:
            return " ", Role.PLAIN
        glyph, role, _ = KINDS[here.kind or "free"]
        return BORDER if touches else glyph, role

    return cell


def _presence_at(user: UserDetail) -> Callable[[datetime], Cell]:
    def cell(instant: datetime) -> Cell:
        current = None
        for each in user.day:
            if each.begins > instant:
                break
            current = each.presence.activity
        return GLYPHS[current] if current else (" ", Role.PLAIN)

    return cell


def _lanes(appointments: Iterable[AppointmentAccount]) -> list[list[AppointmentAccount]]:
    """Spread appointments over rows in which none overlap; what needs more rows than there are is left out."""
    lanes: list[list[AppointmentAccount]] = []
    for each in sorted(appointments, key=lambda appointment: (appointment.start, appointment.end)):
        for lane in lanes:
            if lane[-1].end <= each.start:
                lane.append(each)
                break
        else:
            if len(lanes) < MOST_LANES:
                lanes.append([each])
    return lanes


def _legend(appointments: Iterable[AppointmentAccount]) -> Line:
    kinds = {each.kind or "free" for each in appointments}
    parts: list[str | Span] = [" " * LABEL_WIDTH]
    for kind, (glyph, role, word) in KINDS.items():
        if kind in kinds:
            parts += [Span(glyph, role), Span(f" {word}   ", Role.MUTED)]
    return line(*parts)
