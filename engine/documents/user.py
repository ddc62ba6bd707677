"""One user: what is shown and why, what comes next, the day as a chart, appointments, and all facts."""

import shlex
from collections.abc import Iterator
from datetime import datetime, tzinfo

from engine.api.schema import AppointmentAccount, PlannedPresence, Shown, UserDetail
from engine.api.schema.days import Kind
from engine.documents.bars import ACTIVITY_CELLS, KINDS, Bar, Scale, fitting, hours_line, now_line, painted
from engine.documents.columns import columns
from engine.documents.lines import (
    UNLIMITED,
    Document,
    Line,
    Role,
    Span,
    activity,
    beside,
    cut,
    fitted,
    heading,
    labelled,
    line,
    typed_as_is,
    wrapped,
)
from engine.documents.quantities import clock
from engine.documents.user_facts import fact_lines, pbx_lines

APPOINTMENT = "appointment:"
"""Prefix of line keys."""

CHART = 11
"""The column where charts begin."""

CHART_WIDTH, HOURS, MOST_CELLS = 100, (8, 18), 5
"""Width of a chart that is not on a screen, the hours that it always has, and cells of an hour at most."""

SUBJECT_WIDTH, SHORT = 24, 70
"""Columns of subjects; in less than `SHORT` columns only as many as needed."""

NOT_DRAWN = ("left out", "cancelled", "without duration")
"""Outcomes of appointments that are at no time at all."""

NOT_WRITTEN = {"dry run": "dry run: nothing is written", "no pilot": "no pilot: nothing is written"}
"""Why the PBX does not show what would be shown."""

NEVER_SHOWN = {
    "private": "; private subjects are never shown",
    "confidential": "; confidential subjects are never shown",
    "unknown sensitivity": "; it may be private",
}


def user_document(user: UserDetail, now: datetime, zone: tzinfo, width: int, opened: str | None = None) -> Document:
    """Return everything about a user; all rules are explained, or only that for the appointment `opened`."""
    if user.owner is not None:
        return Document([*_elsewhere(user, user.owner, now, zone, width), line(), *pbx_lines(user, now, zone, width)])
    lines = [*_summary(user, now, zone, width), line(), *timeline(user, now, zone, width), line()]
    lines += [*_appointments(user, now, zone, width, opened), line(), *fact_lines(user, now, zone, width)]
    return Document(lines)


def user_text(user: UserDetail, now: datetime, zone: tzinfo) -> str:
    """Return everything about a user as text for the clipboard or a file."""
    lines = [title(user, now, zone), *user_document(user, now, zone, UNLIMITED)]
    return "".join(f"{each.text.rstrip()}\n" for each in lines)


def title(user: UserDetail, now: datetime, zone: tzinfo) -> Line:
    """Return the title: the user, and the time that everything refers to."""
    name = user.display_name or user.name or user.guid
    return heading(f"{name} ({user.name}), {now.astimezone(zone):%Y-%m-%d %H:%M} {zone}")


def _summary(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield what is shown, why, and what comes next; in a dry run, what would be shown beside what is."""
    shown = user.acknowledged.presence
    is_dry = user.not_written is not None or user.withheld is not None
    label = 12 if is_dry else 9
    yield from _presence("In the PBX" if is_dry else "Shows", label, shown, _certainty(user, now, zone), width)
    intended = user.withheld if user.withheld is not None else user.decision.presence if user.decision else None
    if is_dry:
        yield from _presence("Would show", label, intended, NOT_WRITTEN[user.not_written or "dry run"], width)
    elif intended is not None and intended != shown:
        yield from _presence("Will show", label + 1, intended, "about to be written", width)
    for trouble in user.problems:
        detail = f": {trouble.detail}" if trouble.detail else ""
        yield from labelled(f" {'Because':<{label}}", f"✗ {trouble.title}{detail}", width - 1, Role.PROBLEM)
        yield from wrapped(trouble.remedy, width - 1, " " * (label + 1), Role.NOTICE)
    if user.decision is not None or not user.problems:
        yield from labelled(f" {'Because':<{label}}", _because(user, now, zone), width - 1)
    yield from _next(user, label, now, zone, width)


def _elsewhere(user: UserDetail, owner: str, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield what another node has stored of a user, and where to ask for the rest."""
    yield from _presence("Shows", 9, user.acknowledged.presence, _certainty(user, now, zone), width)
    if not owner:
        text = "No node works for this user at the moment; what the PBX shows is as it was."
        yield from labelled(" Because  ", text, width - 1, Role.NOTICE)
        return
    text = f"Node {owner} works for this user, and keeps the calendar, its log and the reasons. Ask there:"
    yield from labelled(" Because  ", text, width - 1)
    yield from typed_as_is(f"calendar-engine explain {shlex.quote(user.name)}", width - 1, " " * 10)
    yield from typed_as_is(f"calendar-engine log show user:{shlex.quote(user.name)}", width - 1, " " * 10)
    until = user.acknowledged.expires
    yield line(Span(" Next     ", Role.MUTED), f"{clock(until, zone, now)}" if until else "no change that is known")


def _presence(name: str, label: int, shown: Shown | None, remark: str, width: int) -> Iterator[Line]:
    """Yield a presence, with a remark at the right edge if there is room for all of it."""
    start = f" {name:<{label}}"
    room = width - columns(start) - 14 if width < UNLIMITED else UNLIMITED
    note = shown.note if shown else ""
    if remark and columns(note) + columns(remark) + 2 <= room < UNLIMITED:
        note = f"{note:<{len(note) + room - columns(note) - columns(remark) - 1}}"
    elif room >= UNLIMITED:
        note += "  " if remark else ""
    else:
        remark = ""
    role = Role.NOTICE if name != "Shows" else Role.MUTED
    begin = (Span(start, role), activity(shown.activity if shown else None), Span("  "))
    yield from (line(*begin, note, Span(remark, Role.MUTED)),) if remark else beside(begin, note, width)


def _certainty(user: UserDetail, now: datetime, zone: tzinfo) -> str:
    if user.acknowledged.in_doubt:
        return "unconfirmed, the PBX is asked"
    last = user.history[0] if user.history else None
    if last is None or last.presence != user.acknowledged.presence:
        return ""
    return f"confirmed {clock(last.at, zone, now)}"


def _because(user: UserDetail, now: datetime, zone: tzinfo) -> str:
    """Return in words which appointment decides now."""
    if user.decision is None:
        return "The calendar has not been read yet."
    found = {each.outcome: each for each in user.decision.appointments}
    active, following = found.get("active"), found.get("next")
    if active is not None:
        kind = kind_in_words(active)
        return f"{_when(active, now, zone)} {_subject(active)} is {kind} now{NEVER_SHOWN.get(active.hidden or '', '')}."
    if following is not None:
        return f"Nothing counts now; {_when(following, now, zone)} {_subject(following)} comes next."
    return "No appointment counts now, and none is announced."


def _next(user: UserDetail, label: int, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield the next change of the presence."""
    start = Span(f" {'Next':<{label}}", Role.MUTED)
    coming = _coming(user, now)
    if coming is not None:
        at = Span(f"{clock(coming.begins, zone, now)}  ")
        begin = (start, at, activity(coming.presence.activity), Span("  "))
        yield from beside(begin, coming.presence.note, width)
        return
    until = user.decision.valid_until if user.decision else None
    yield line(start, f"{clock(until, zone, now)}" if until else "no change that is known")


def _coming(user: UserDetail, now: datetime) -> PlannedPresence | None:
    return next((each for each in user.day if each.begins > now), None)


def timeline(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> list[Line]:
    """Return the chart of a user's day in `width` columns."""
    appointments = user.decision.appointments if user.decision else ()
    there = [each for each in appointments if each.outcome not in NOT_DRAWN]
    bars = [Bar(each.start, each.end, KINDS[_kind(each)][:2]) for each in there]
    room = min(width, CHART_WIDTH) - CHART - 1
    scale = fitting(user.day_begins, zone, bars, room, hours=HOURS, most=MOST_CELLS)
    known = None
    if user.read_from is not None and user.read_until is not None:
        known = (user.read_from, user.read_until)
    order = [(glyph, role) for glyph, role, _ in KINDS.values()]
    calendar = painted(bars, scale, now, order, known)
    presence = painted(_presence_bars(user, scale), scale, now, list(ACTIVITY_CELLS.values()), known)
    return [
        now_line(scale, now, CHART),
        hours_line(scale, zone, CHART),
        Line((Span(f" {'calendar':<{CHART - 1}}", Role.MUTED), *calendar)),
        Line((Span(f" {'presence':<{CHART - 1}}", Role.MUTED), *presence)),
    ]


def _presence_bars(user: UserDetail, scale: Scale) -> Iterator[Bar]:
    """Yield the presences of the day, except available ones."""
    ends = [each.begins for each in user.day[1:]] + [scale.first + scale.cells * scale.length]
    for each, end in zip(user.day, ends, strict=False):
        if each.presence.activity in ACTIVITY_CELLS:
            yield Bar(each.begins, end, ACTIVITY_CELLS[each.presence.activity])


def _kind(each: AppointmentAccount) -> Kind:
    return next((kind for kind in KINDS if kind == each.kind), "free")


def kind_in_words(each: AppointmentAccount) -> str:
    """Return the kind of an appointment."""
    return KINDS[_kind(each)][2]


def _appointments(user: UserDetail, now: datetime, zone: tzinfo, width: int, opened: str | None) -> Iterator[Line]:
    """Yield the appointments of today and later with their effect."""
    found = user.decision.appointments if user.decision else ()
    shown = [each for each in found if each.end > user.day_begins or each.outcome == "left out"]
    yield line(Span(" Appointments", Role.TITLE), Span(f" {len(shown)}" if user.last_read else "", Role.MUTED))
    if not shown:
        yield line(Span("   none" if user.last_read else "   not read yet", Role.MUTED))
        return
    when = max(columns(_when(each, now, zone)) for each in shown)
    kind = max(columns(kind_in_words(each)) for each in shown)
    subject = SUBJECT_WIDTH if width >= SHORT else min(SUBJECT_WIDTH, max(columns(_subject(each)) for each in shown))
    for each in sorted(shown, key=lambda appointment: appointment.start):
        yield from _appointment(each, now, zone, width, (when, kind, subject))
        if (opened is None or opened == f"{APPOINTMENT}{each.id}") and not _is_said(each, now, zone):
            yield from wrapped(each.words, width - 2, " " * 8, Role.MUTED)


def _appointment(
    each: AppointmentAccount, now: datetime, zone: tzinfo, width: int, widths: tuple[int, int, int]
) -> Iterator[Line]:
    """Yield an appointment with its effect, on the same line if there is room, else below."""
    whole, effect = width >= UNLIMITED, _effect(each, now, zone)
    start = f"   {fitted(_when(each, now, zone), widths[0])}  {fitted(kind_in_words(each), widths[1])}  "
    role = {"active": Role.GOOD, "next": Role.KEY}.get(each.outcome, Role.MUTED)
    room = width - columns(start) - widths[2] - 2
    key = f"{APPOINTMENT}{each.id}"
    if columns(effect) <= room:
        yield line(start, fitted(_subject(each), widths[2], whole=whole), "  ", Span(effect, role), key=key)
    else:
        yield line(start, cut(_subject(each), width - columns(start)), key=key)
        yield from wrapped(effect, width - 2, " " * 8, role)


def _subject(each: AppointmentAccount) -> str:
    return f"({each.hidden})" if each.hidden else each.subject


def _effect(each: AppointmentAccount, now: datetime, zone: tzinfo) -> str:
    """Return what an appointment does to the presence, and what is odd about it."""
    kind = kind_in_words(each)
    effects = {
        "active": "shown now",
        "next": f"shown from {clock(each.start, zone, now)}",
        "over": "over",
        "later": "later",
        "beyond the horizon": "later",
        "free": "free shows nothing",
        "ignored": f"{kind} shows nothing",
        "cancelled": "cancelled",
        "without duration": "has no length",
    }
    effect = effects.get(each.outcome, each.words)
    return effect if effect == each.words else f"{effect}{_odd(each)}"


def _is_said(each: AppointmentAccount, now: datetime, zone: tzinfo) -> bool:
    """Return whether the effect says all that the explanation does."""
    return each.words in (_effect(each, now, zone), f"{each.outcome}{_odd(each)}")


def _odd(each: AppointmentAccount) -> str:
    return "".join(f"; odd: it {oddity}" for oddity in each.oddities)


def _when(each: AppointmentAccount, now: datetime, zone: tzinfo) -> str:
    if each.outcome == "left out":
        return "time unknown"
    start, end = each.start.astimezone(zone), each.end.astimezone(zone)
    is_today = start.date() == now.astimezone(zone).date()
    if each.all_day:
        return "all day" if each.start <= now < each.end else f"{start:%a} all day"
    return f"{'' if is_today else f'{start:%a} '}{start:%H:%M}–{end:%H:%M}"
