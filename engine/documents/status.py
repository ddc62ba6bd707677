"""The status of the engine: both sides, numbers of users, problems with their remedies, what happens, operations."""

from collections.abc import Iterator
from datetime import tzinfo

from engine.api.schema import ChangeEvent, Concern, HeldChange, LinkState, Operation, OperationKind, Status
from engine.display import counted
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, activity, cut, fitted, heading, line, link_mark, wrapped
from engine.documents.quantities import clock

PROBLEM, USER = "problem:", "user:"
"""Prefixes of line keys."""

WITH_REMEDY = 3
"""The number of problems shown with their remedy."""

GOOD_NEWS = {
    "link recovered": "working again",
    "user recovered": "the calendar is readable again",
    "listening": "the PBX is accepted again",
    "reading unrestricted": "calendars are read in full again",
    "concern over": "presences are on time again",
}


def held_in_words(held: HeldChange) -> str:
    """Say what a change would clear."""
    return f"{held.users:,} of {held.of_users:,} users would show nothing ({held.presences:,} do now)"


def dry_run_in_words(status: Status) -> str:
    """Say what a dry run does not do, and what would be otherwise."""
    if not status.withheld:
        return "nothing is written to the PBX"
    who = "1 user" if status.withheld == 1 else f"{status.withheld:,} users"
    cleared = f", {status.withheld_cleared:,} to nothing" if status.withheld_cleared else ""
    return f"nothing is written to the PBX; {who} would change{cleared}"


def links(status: Status, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield how both sides are."""
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


def counts(status: Status, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield the numbers of users."""
    numbers = (
        (status.users, "users:", False),
        (status.resolved, "with a calendar,", False),
        (status.watched, "watched,", False),
        (status.unread, "not read yet,", False),
        (status.unresolved, "without;", True),
        (status.refused, "refused", True),
    )
    parts: list[str | Span] = []
    for count, what, is_bad in numbers:
        text = f" {count:,} {what}"
        if columns(line(*parts).text) + len(text) > width:
            yield line(*parts)
            parts = []
        parts += [Span(f" {count:,}", Role.PROBLEM if count and is_bad else Role.TITLE), Span(f" {what}", Role.MUTED)]
    yield line(*parts)
    oldest = ""
    if status.oldest_reading is not None:
        oldest = f"oldest reading {clock(status.oldest_reading, zone, status.now)}, "
    yield line(Span(f" {oldest}times in {status.timezone}", Role.MUTED))


def problems(status: Status, width: int) -> Iterator[Line]:
    """Yield the problems; the most important ones with their remedy, the others have it where Enter leads."""
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


OPERATIONS: dict[OperationKind, str] = {"resync": "Reading calendars again", "reresolve": "Looking for mailboxes again"}
ENDS = {"running": " ...", "done": ". Done.", "cancelled": ". Cancelled.", "failed": ". Internal error in the engine."}


def progress(operation: Operation) -> str:
    """Return how far an operation is."""
    failed = f", {operation.failed:,} failed" if operation.failed else ""
    return f"{OPERATIONS[operation.kind]}: {operation.done:,} of {operation.total:,}{failed}{_end(operation)}"


def _end(operation: Operation) -> str:
    """Say how it ended, or what it waits for."""
    if operation.trouble is None:
        return ENDS.get(operation.state, ".")
    reason = f"{operation.trouble.title}. {operation.trouble.remedy}"
    return f". Stopped: {reason}" if operation.state == "blocked" else f" ... Waiting: {reason}"
