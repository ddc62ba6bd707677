"""The overview: the state of both sides, the number of users, problems with their remedies, recent changes."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from rich.cells import cell_len

from calendar_tui.documents.lines import (
    Document,
    Line,
    Role,
    Span,
    activity,
    cut,
    fitted,
    heading,
    line,
    link_mark,
    wrapped,
)
from calendar_tui.model import Model, sparkline
from engine.api.schema import ChangeEvent, Concern, LinkState, Status, Trouble
from engine.display import counted

PROBLEM, USER = "problem:", "user:"
"""Prefixes of line keys."""

WITH_REMEDY = 3
LEAST_CHANGES = 4
WIDE, DESIGNED_FOR = 100, 80
"""The number of problems shown with their remedy, of changes always shown, and the rows from which more fit."""

GOOD_NEWS = {
    "link recovered": "working again",
    "user recovered": "the calendar is readable again",
    "listening": "the PBX is accepted again",
    "reading unrestricted": "calendars are read in full again",
    "concern over": "presences are on time again",
}


def overview(model: Model, width: int, height: int) -> Document:
    """Return the overview for that many columns and rows."""
    status = model.status
    if status is None:
        return Document([line(), line(Span("  Nothing is known yet.", Role.MUTED))])
    lines = [
        *_links(status, model.zone, width),
        line(),
        *_counts(status, model.zone, width),
        _last_hour(model, width),
        line(),
    ]
    lines += [*_problems(status, width), line()]
    room = max(LEAST_CHANGES, height - len(lines) - 1)
    return Document([*lines, *_last_changes(model, room, width)])


def clock(instant: datetime, zone: tzinfo, now: datetime) -> str:
    """Return an instant as the time of day, with the date unless it is today."""
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%d %b %H:%M}"


def _links(status: Status, zone: tzinfo, width: int) -> Iterator[Line]:
    for link in status.links:
        since = f"since {clock(link.since, zone, status.now)}" if link.since else ""
        waits = _waits_for(link, zone)
        yield line(f" {link.name:<9} ", link_mark(link), Span(since, Role.MUTED), "  ", Span(waits, Role.NOTICE))
        if link.trouble is not None:
            detail = f": {link.trouble.detail}" if link.trouble.detail else ""
            yield line(" " * 11, cut(f"{link.trouble.title}{detail}", width - 12))


def _waits_for(link: LinkState, zone: tzinfo) -> str:
    """Say what a side that does not work waits for; the next try is in real time, which needs no date."""
    match link.waits_for:
        case None:
            return ""
        case "next try" if link.retry_at is not None:
            return f"next try at {link.retry_at.astimezone(zone):%H:%M:%S}"
        case "call":
            return f"waiting for the {link.name} to connect"
        case "users":
            return "waiting for the users of the PBX"
        case awaited:
            return f"waiting for the {awaited}"


def _counts(status: Status, zone: tzinfo, width: int) -> Iterator[Line]:
    counts = (
        (status.users, "users:", False),
        (status.resolved, "with a calendar,", False),
        (status.watched, "watched,", False),
        (status.unread, "not read yet,", False),
        (status.unresolved, "without;", True),
        (status.refused, "refused", True),
    )
    parts: list[str | Span] = []
    for count, what, is_bad in counts:
        text = f" {count:,} {what}"
        if cell_len(line(*parts).text) + len(text) > width:
            yield line(*parts)
            parts = []
        parts += [Span(f" {count:,}", Role.PROBLEM if count and is_bad else Role.TITLE), Span(f" {what}", Role.MUTED)]
    yield line(*parts)
    oldest = ""
    if status.oldest_reading is not None:
        oldest = f"oldest reading {clock(status.oldest_reading, zone, status.now)}, "
    yield line(Span(f" {oldest}times in {status.timezone}", Role.MUTED))


def _problems(status: Status, width: int) -> Iterator[Line]:
    """Give the remedy with the most important ones; the others have it where Enter leads."""
    if not status.concerns:
        yield line(Span(" Problems", Role.TITLE), Span("   none", Role.MUTED))
        return
    yield heading(" Problems")
    for index, concern in enumerate(status.concerns):
        yield _concern(concern, width)
        if index < WITH_REMEDY:
            yield from wrapped(concern.trouble.remedy, width - 2, "     ", Role.MUTED, most=2)


def _concern(concern: Concern, width: int) -> Line:
    trouble = concern.trouble
    if concern.link is not None:
        many = f", all {concern.count:,} users" if concern.count > 1 else ", its one user"
        whom = f"{concern.link}" + (many if concern.count else "")
    elif not concern.count:
        whom = ""
    else:
        names = ", ".join(user.label for user in concern.users)
        whom = f"{counted(concern.count, 'user')}: {names}"
    room = max(0, width - len(trouble.title) - 4)
    return line(" ", Span(f"✗ {trouble.title}", Role.PROBLEM), cut(f"  {whom}", room), key=PROBLEM + trouble.type)


def _last_hour(model: Model, width: int) -> Line:
    parts: list[str | Span] = [Span(" Last hour ", Role.TITLE)]
    for what, counts, role in (
        ("change", model.last_hour.changes(model.now), Role.BAR),
        ("error", model.last_hour.errors(model.now), Role.PROBLEM),
    ):
        bars = sparkline(counts, 30 if width >= WIDE else 20 if width >= DESIGNED_FOR else 12)
        number, _, word = counted(sum(counts), what).partition(" ")
        parts += [Span(f"  {number}", Role.TITLE), Span(f" {word} ", Role.MUTED), Span(bars, role)]
    return line(*parts)


def _last_changes(model: Model, room: int, width: int) -> Iterator[Line]:
    yield heading(" Last changes")
    if not model.changes:
        yield line(Span("   none yet", Role.MUTED))
    for change in list(model.changes)[:room]:
        yield change_line(change, model.zone, width)


def change_line(change: ChangeEvent, zone: tzinfo, width: int) -> Line:
    """Return one thing that happened."""
    key = f"{USER}{change.guid}:{change.number}" if change.guid else ""
    time = Span(f" {change.at.astimezone(zone):%H:%M} ", Role.MUTED)
    label = fitted(change.label, 20)
    if change.presence is not None:
        withheld = Span("▷ would be ", Role.NOTICE) if change.kind == "withheld" else Span("")
        note = cut(change.presence.note, width - 42 - len(withheld.text))
        return line(time, withheld, activity(change.presence.activity), f"  {label}  ", note, key=key)
    if change.trouble is not None:
        text = f"{change.trouble.title}{': ' if change.trouble.detail else ''}{change.trouble.detail}"
        return line(time, Span("✗ problem  ", Role.PROBLEM), f"  {label}  ", cut(text, width - 42), key=key)
    text = GOOD_NEWS.get(change.kind, change.kind)
    return line(time, Span("✓ working  ", Role.GOOD), f"  {label}  ", cut(text, width - 42), key=key)


def problem_box(trouble: Trouble, width: int, *, with_detail: bool = True) -> Iterator[Line]:
    """Yield a problem with its remedy."""
    detail = f": {trouble.detail}" if trouble.detail and with_detail else ""
    yield from wrapped(f"✗ {trouble.title}{detail}", width - 2, " ", Role.PROBLEM)
    yield from wrapped(trouble.remedy, width - 2, "   ", Role.NOTICE)


def whose_and_how_much(trouble: Trouble) -> Line:
    """Return who has to act, and how much stands still until then."""
    return line(f"   Affects {trouble.scope}; to be solved in: {FAULTS.get(trouble.fault, trouble.fault)}.")


FAULTS = {
    "settings": "the settings of calendar-engine",
    "credentials": "the user name or password in use",
    "permission": "the rights of the account in use",
    "network": "the network",
    "server": "the server at the other end",
    "peer protocol": "the program at the other end",
    "ours": "calendar-engine itself (please report it)",
}
"""The place where a problem is solved, by fault."""


def problem_document(model: Model, slug: str, width: int) -> Document:
    """Return all that is known of the problem with that name."""
    status, concern = model.status, model.concern(slug)
    if concern is None:
        return Document([line(), line(Span(" ✓ This problem is solved.", Role.GOOD))])
    lines = [line(), *problem_box(concern.trouble, width), line(), whose_and_how_much(concern.trouble)]
    for link in status.links if status else ():
        if link.name == concern.link:
            since = f" since {link.since.astimezone(model.zone):%d %b %H:%M}" if link.since else ""
            waits = f", next try at {link.retry_at.astimezone(model.zone):%H:%M:%S}" if link.retry_at else ""
            lines.append(line(f"   {link.name} {'works' if link.works else 'does not work'}{since}{waits}."))
    return Document(lines)
