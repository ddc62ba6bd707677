"""One user: what is shown and why, the day, the appointments, the PBX and the mailbox, and what was before."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from rich.cells import cell_len

from calendar_tui.state.day import timeline
from calendar_tui.state.lines import (
    Document,
    Line,
    Role,
    Span,
    activity,
    cut,
    fitted,
    heading,
    line,
    wrapped,
)
from calendar_tui.state.overview import clock
from calendar_tui.state.trouble import problem_box
from engine.api.schema import AppointmentAccount, PastChange, Subscription, UserDetail
from engine.display import visible

STATES = {
    "current": "The PBX shows what it ought to.",
    "pending": "The PBX is about to be told.",
    "withheld": "▷ DRY RUN: the PBX is not told.",
    "unread": "The calendar was not read yet.",
    "problem": "There is a problem.",
}
SUBJECT_WIDTH = 30
OUTCOME_ROLES = {"active": Role.GOOD, "next": Role.NOTICE}


def user_document(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Document:
    """Return everything about a user."""
    lines = [*_shown(user, now, zone, width), *_problems(user, width), line(), heading(" Today")]
    lines += timeline(user, now, zone, width)
    lines += [line(), *_appointments(user, now, zone, width)]
    lines += [line(), *_mailbox(user, now, zone, width), line(), *_pbx(user, width)]
    lines += [line(), *_history(user.history, now, zone, width)]
    return Document(lines)


def user_text(user: UserDetail, now: datetime, zone: tzinfo) -> str:
    """Return everything about a user as text to be copied."""
    name = f"{user.display_name or user.name} ({user.name}), {now.astimezone(zone):%Y-%m-%d %H:%M} {zone}"
    return "\n".join([visible(name), *(each.text.rstrip() for each in user_document(user, now, zone, 100))]) + "\n"


def _shown(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    presence = user.acknowledged.presence
    note = presence.note if presence else ""
    yield line(" shows     ", activity(presence.activity if presence else None), "  ", cut(note, width - 26))
    ought = user.decision.presence if user.decision else None
    if user.withheld is not None:
        would = cut(user.withheld.note, width - 26)
        yield line(Span(" ▷ would   ", Role.NOTICE), activity(user.withheld.activity), "  ", would)
    elif ought is not None and ought != presence:
        yield line(" ought to  ", activity(ought.activity), "  ", cut(ought.note, width - 26))
    certain = ""
    if user.decision is not None and user.decision.valid_until is not None:
        certain = f"  Next change at {clock(user.decision.valid_until, zone, now)}."
    doubt = "  What it shows now is known after asking it." if user.acknowledged.in_doubt else ""
    role = Role.NOTICE if user.state == "withheld" else Role.MUTED
    yield line(" " * 11, Span(STATES[user.state], role), Span(f"{certain}{doubt}", Role.MUTED))


def _problems(user: UserDetail, width: int) -> Iterator[Line]:
    for trouble in user.problems:
        yield line()
        yield from problem_box(trouble, width)


def _appointments(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    yield heading(" Appointments, and what became of them")
    appointments = user.decision.appointments if user.decision else ()
    if not appointments:
        yield line(Span("   none" if user.last_read else "   not read yet", Role.MUTED))
    for each in sorted(appointments, key=lambda appointment: appointment.start):
        yield from _appointment(each, now, zone, width)


def _appointment(each: AppointmentAccount, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield an appointment and what became of it: beside it where that has room, else beneath."""
    kind = (each.kind or "free").replace("_", " ")
    subject = f"({each.hidden})" if each.hidden else each.subject
    role = OUTCOME_ROLES.get(each.outcome, Role.MUTED)
    start = f" {_when(each, now, zone):<15} {fitted(kind, 11)} "
    room = width - cell_len(start) - SUBJECT_WIDTH - 2
    if cell_len(each.words) <= room:
        yield line(start, fitted(subject, SUBJECT_WIDTH), "  ", Span(each.words, role))
    else:
        yield line(start, cut(subject, width - cell_len(start)))
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
            yield line(Span(f"   {name:<14} ", Role.MUTED), cut(value, width - 19))


def _mailbox(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    window = ""
    if user.read_from is not None and user.read_until is not None:
        window = f"{user.read_from.astimezone(zone):%d %b %H:%M} to {user.read_until.astimezone(zone):%d %b %H:%M}"
    facts = (
        ("looked for as", ", ".join(user.candidates)),
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
        return f"looked for now and then{': ' if subscription.why_not else ''}{subscription.why_not}"
    since = f" since {clock(subscription.since, zone, now)}" if subscription.since else ""
    return f"told by Exchange at once{since}, with {subscription.connection}"


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
    yield heading(" Shown before")
    changes = tuple(changes)
    if not changes:
        yield line(Span("   nothing since the engine started", Role.MUTED))
    for change in changes:
        at = f"   {clock(change.at, zone, now):<12} "
        yield line(
            Span(at, Role.MUTED), activity(change.presence.activity), "  ", cut(change.presence.note, width - 31)
        )
