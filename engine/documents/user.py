"""One user: presence and reason, a chart of the day, appointments, PBX, mailbox and history."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo

from engine.api.schema import Activity, AppointmentAccount, PastChange, Subscription, UserDetail
from engine.documents.columns import columns
from engine.documents.lines import (
    UNLIMITED,
    Document,
    Line,
    Role,
    Span,
    activity,
    cut,
    fitted,
    heading,
    labelled,
    line,
    wrapped,
)
from engine.documents.problems import problem_box
from engine.documents.quantities import clock

LABEL_WIDTH = 10
CHART = 100
"""Width of a chart that is not shown on a screen."""

MOST_LANES = 5
"""Maximum number of rows for appointments at the same time."""

KINDS = {
    "busy": ("█", Role.BUSY, "busy"),
    "tentative": ("▒", Role.NOTICE, "tentative"),
    "tentative_exception": ("▒", Role.AWAY, "tentative, counts"),
    "oof": ("▓", Role.AWAY, "out of office"),
    "working_elsewhere": ("░", Role.AVAILABLE, "elsewhere"),
    "no_data": ("?", Role.MUTED, "no data"),
    "free": ("─", Role.MUTED, "free"),
}
"""Glyph, role and legend of each kind of bar."""

BORDER = "▐"
"""Marks the start of an appointment that directly follows another one."""

GLYPHS: dict[Activity, tuple[str, Role]] = {
    "available": ("○", Role.AVAILABLE),
    "busy": ("●", Role.BUSY),
    "away": ("◐", Role.AWAY),
    "dnd": ("⊘", Role.DND),
}
FIRST_HOUR, LAST_HOUR = 7, 19
"""The hours of the day that are always shown."""


class Scale:
    """Maps instants to columns: whole hours around the appointments of the day that starts at `midnight`."""

    def __init__(
        self, midnight: datetime, zone: tzinfo, appointments: Iterable[AppointmentAccount], width: int
    ) -> None:
        local = midnight.astimezone(zone)
        next_midnight = (local.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        first, last = local + timedelta(hours=FIRST_HOUR), local + timedelta(hours=LAST_HOUR)
        for each in appointments:
            if not each.all_day and local <= each.start < next_midnight:
                first = min(first, each.start.astimezone(zone).replace(minute=0))
            if not each.all_day and local < each.end <= next_midnight:
                last = max(last, each.end.astimezone(zone))
        self.first, self.last, self.zone, self.columns = first, last, zone, width
        self._seconds = (last - first).total_seconds() / width

    def column(self, instant: datetime) -> int:
        """Return the column of an instant, possibly outside the chart."""
        return int((instant - self.first).total_seconds() // self._seconds)

    def instant(self, column: int) -> datetime:
        """Return the instant in the middle of a column."""
        return self.first + timedelta(seconds=self._seconds * (column + 0.5))

    def hours(self) -> Line:
        """Return the line with the hours, as many as there is room for."""
        step = next(step for step in (1, 2, 3, 6) if self.column(self.first + timedelta(hours=step)) >= 4 or step == 6)
        marks = [" "] * (self.columns + 2)
        hour = self.first
        while hour < self.last:
            start = self.column(hour)
            marks[start : start + 2] = f"{hour.astimezone(self.zone):%H}"
            hour += timedelta(hours=step)
        return line(" " * LABEL_WIDTH, Span("".join(marks), Role.MUTED))


def timeline(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> list[Line]:
    """Return the chart of a user's day in `width` columns."""
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
    """Return a function that returns the appointment in a column; columns must be queried from left to right."""
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
    """Distribute appointments over rows without overlaps; those that do not fit into the rows are left out."""
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


STATES = {
    "current": "The PBX shows the intended presence.",
    "pending": "The presence is about to be sent to the PBX.",
    "unread": "The calendar has not been read yet.",
    "problem": "There is a problem.",
}
NOT_WRITTEN = {
    "dry run": "▷ DRY RUN: nothing is written to the PBX.",
    "no pilot": "▷ No pilot: nothing is written to the PBX for this user.",
}
SUBJECT_WIDTH = 30
OUTCOME_ROLES = {"active": Role.GOOD, "next": Role.NOTICE}


def user_document(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Document:
    """Return everything about a user."""
    lines = [*_shown(user, now, zone, width), *_problems(user, width), line(), heading(" Today")]
    lines += timeline(user, now, zone, CHART if width >= UNLIMITED else width)
    lines += [line(), *_appointments(user, now, zone, width)]
    lines += [line(), *_mailbox(user, now, zone, width), line(), *_pbx(user, width)]
    lines += [line(), *_history(user.history, now, zone, width)]
    return Document(lines)


def user_text(user: UserDetail, now: datetime, zone: tzinfo) -> str:
    """Return everything about a user as text for the clipboard or a file."""
    lines = [title(user, now, zone), *user_document(user, now, zone, UNLIMITED)]
    return "".join(f"{each.text.rstrip()}\n" for each in lines)


def title(user: UserDetail, now: datetime, zone: tzinfo) -> Line:
    """Return the title: the user, and the time that everything refers to."""
    name = user.display_name or user.name or user.guid
    return heading(f"{name} ({user.name}), {now.astimezone(zone):%Y-%m-%d %H:%M} {zone}")


def _shown(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    presence = user.acknowledged.presence
    note = presence.note if presence else ""
    yield line(" shows     ", activity(presence.activity if presence else None), "  ", cut(note, width - 26))
    ought = user.decision.presence if user.decision else None
    if user.withheld is not None:
        would = cut(user.withheld.note, width - 26)
        yield line(Span(" ▷ would   ", Role.NOTICE), activity(user.withheld.activity), "  ", would)
    elif ought is not None and ought != presence:
        yield line(" intended  ", activity(ought.activity), "  ", cut(ought.note, width - 26))
    certain = ""
    if user.decision is not None and user.decision.valid_until is not None:
        certain = f"  Next change at {clock(user.decision.valid_until, zone, now)}."
    doubt = "  Unconfirmed; the PBX will be asked." if user.acknowledged.in_doubt else ""
    role = Role.NOTICE if user.state == "withheld" else Role.MUTED
    state = STATES.get(user.state) or NOT_WRITTEN[user.not_written or "dry run"]
    yield line(" " * 11, Span(state, role), Span(f"{certain}{doubt}", Role.MUTED))


def _problems(user: UserDetail, width: int) -> Iterator[Line]:
    for trouble in user.problems:
        yield line()
        yield from problem_box(trouble, width)


def _appointments(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    yield heading(" Appointments and their outcome")
    appointments = user.decision.appointments if user.decision else ()
    if not appointments:
        yield line(Span("   none" if user.last_read else "   not read yet", Role.MUTED))
    for each in sorted(appointments, key=lambda appointment: appointment.start):
        yield from _appointment(each, now, zone, width)


def _appointment(each: AppointmentAccount, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield an appointment with its outcome, on the same line if there is room, else below."""
    kind = (each.kind or "free").replace("_", " ")
    subject = f"({each.hidden})" if each.hidden else each.subject
    role = OUTCOME_ROLES.get(each.outcome, Role.MUTED)
    whole = width >= UNLIMITED
    start = f" {_when(each, now, zone):<15} {fitted(kind, 11, whole=whole)} "
    room = width - columns(start) - SUBJECT_WIDTH - 2
    if columns(each.words) <= room:
        yield line(start, fitted(subject, SUBJECT_WIDTH, whole=whole), "  ", Span(each.words, role))
    else:
        yield line(start, cut(subject, width - columns(start)))
        yield from wrapped(each.words, width - 2, " " * 17, role)


def _when(each: AppointmentAccount, now: datetime, zone: tzinfo) -> str:
    if each.outcome == "left out":
        return "time unknown"
    start, end = each.start.astimezone(zone), each.end.astimezone(zone)
    day = "" if start.date() == now.astimezone(zone).date() else f"{start:%a} "
    if each.all_day:
        return f"{day or start.strftime('%a ')}all day"
    return f"{day}{start:%H:%M}–{end:%H:%M}"


def _facts(title: str, facts: Iterable[tuple[str, str]], width: int) -> Iterator[Line]:
    yield heading(title)
    for name, value in facts:
        if value:
            yield from labelled(f"   {name:<14} ", value, width - 1)


def _mailbox(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    window = ""
    if user.read_from is not None and user.read_until is not None:
        window = f"{user.read_from.astimezone(zone):%d %b %H:%M} to {user.read_until.astimezone(zone):%d %b %H:%M}"
    facts = (
        ("candidates", ", ".join(user.candidates)),
        ("address", user.mailbox.address if user.mailbox else "none found"),
        ("server", user.mailbox.url if user.mailbox else ""),
        ("changes", _changes_are_heard(user.subscription, now, zone)),
        ("last read", clock(user.last_read, zone, now) if user.last_read else "never"),
        ("next reading", clock(user.next_read, zone, now) if user.next_read else "under way"),
        ("covers", window),
    )
    return _facts(" Mailbox", facts, width)


def _changes_are_heard(subscription: Subscription, now: datetime, zone: tzinfo) -> str:
    if not subscription.watched:
        return f"polled, not watched{': ' if subscription.why_not else ''}{subscription.why_not}"
    since = f" since {clock(subscription.since, zone, now)}" if subscription.since else ""
    return f"notified by Exchange{since}, connection {subscription.connection}"


def _pbx(user: UserDetail, width: int) -> Iterator[Line]:
    facts = (
        ("name", user.name),
        ("PBX", user.home),
        ("node", user.node),
        ("template", user.template),
        ("groups", ", ".join(user.groups)),
        ("e-mail", ", ".join(user.addresses)),
        ("hidden", "yes" if user.hidden else ""),
        ("guid", user.guid),
    )
    return _facts(" PBX", facts, width)


def _history(changes: Iterable[PastChange], now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    yield heading(" Earlier presences")
    changes = tuple(changes)
    if not changes:
        yield line(Span("   nothing since the engine started", Role.MUTED))
    for change in changes:
        at = f"   {clock(change.at, zone, now):<12} "
        yield line(
            Span(at, Role.MUTED), activity(change.presence.activity), "  ", cut(change.presence.note, width - 31)
        )
