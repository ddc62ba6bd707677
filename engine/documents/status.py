"""The status of the engine: connections, numbers of users, problems with remedies, events and operations."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from engine.api.schema import (
    AuditEntry,
    ChangeEvent,
    Concern,
    HeldChange,
    Operation,
    OperationKind,
    Status,
    Trouble,
)
from engine.display import counted
from engine.documents.cloud import PROOFS
from engine.documents.cluster import node_lines
from engine.documents.lines import (
    UNLIMITED,
    Document,
    Line,
    Role,
    Span,
    activity,
    cut,
    fitted,
    line,
    wrapped,
)
from engine.documents.links import link_lines, problem_figure, user_figures
from engine.documents.problems import problem_box, problem_line, problems_heading, whose_and_how_much
from engine.documents.quantities import clock

USER = "user:"
"""Prefix of line keys."""

GOOD_NEWS = {
    "link recovered": "working again",
    "user recovered": "the calendar is readable again",
    "listening": "the PBX is accepted again",
    "reading unrestricted": "calendars are read in full again",
    "concern over": "a problem is over",
}


def modes(status: Status, confirming: str) -> tuple[str, ...]:
    """Return the modes that everything else depends on; `confirming` says how to confirm a held change."""
    held = (f"✗ HELD: {held_in_words(status.held)}; {confirming}",) if status.held is not None else ()
    return (*dry_run_mode(status), *held)


def dry_run_mode(status: Status) -> tuple[str, ...]:
    """Return that nothing is written, or only for pilots, where that is so."""
    if status.dry_run:
        return (f"▷ DRY RUN: {dry_run_in_words(status)}",)
    if status.live < status.users:
        written = f"only {status.live:,} of {counted(status.users, 'user')} are written to the PBX"
        return (f"▷ PILOTS: {written}{_would_change(status)}",)
    return ()


def held_in_words(held: HeldChange) -> str:
    """Return in words what a held change would clear."""
    return f"{held.users:,} of {held.of_users:,} users would show nothing ({held.presences:,} do now)"


def confirmed_in_words(*, dry_run: bool) -> str:
    """Return in words what the confirmation of a held change does."""
    cleared = "would be cleared, but in a dry run nothing is written" if dry_run else "are cleared now"
    return f"Confirmed: presences {cleared}."


def dry_run_in_words(status: Status) -> str:
    """Return in words what a dry run does not write."""
    return f"nothing is written to the PBX{_would_change(status)}"


def _would_change(status: Status) -> str:
    if not status.withheld:
        return ""
    cleared = f", {status.withheld_cleared:,} to nothing" if status.withheld_cleared else ""
    return f"; {counted(status.withheld, 'user')} would change{cleared}"


def whole_problems(status: Status, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield every problem in full, with whom it concerns."""
    if not status.concerns:
        yield line(Span(" ✓ No problems", Role.GOOD))
        return
    yield problems_heading(f" Problems {len(status.concerns):,}", width)
    for concern in status.concerns:
        yield problem_line(concern, zone, status.now, width)
        yield from problem_text(concern, width)


def problem_text(concern: Concern, width: int) -> Iterator[Line]:
    """Yield all about a problem below its line: the detail, the remedy, the first users, and who can solve it."""
    trouble = concern.trouble
    if trouble.detail and not concern.users:
        yield from wrapped(trouble.detail, width - 2, "   ")
    yield from wrapped(trouble.remedy, width - 2, "   ", Role.NOTICE)
    if concern.users:
        rest = concern.count - len(concern.users)
        names = ", ".join(user.label for user in concern.users)
        yield from wrapped(names + (f" and {rest:,} more" if rest else ""), width - 2, "   ")
    yield whose_and_how_much(trouble)


def status_document(status: Status, zone: tzinfo, width: int) -> Document:
    """Return the whole status: connections, numbers, and problems with their remedies."""
    running = timedelta(seconds=int((status.now - status.started).total_seconds()))
    state = "" if status.state == "running" else f"; {status.state}"
    return Document(
        [
            line(Span(f" calendar-engine {status.version}", Role.TITLE), f", running for {running}{state}"),
            *link_lines(status, zone, width),
            *_nodes(status, zone, width),
            *_proof(status, width),
            line(),
            *_counts(status, zone, width),
            line(),
            *whole_problems(status, zone, width),
        ]
    )


def _nodes(status: Status, zone: tzinfo, width: int) -> Iterator[Line]:
    if status.cluster is not None:
        yield from node_lines(status.cluster, zone, status.now, width, len(status.cluster.nodes))


def status_line(status: Status) -> str:
    """Return how the engine is in one line: links that do not work, numbers of users, and the worst problem."""
    state = (status.state,) if status.state != "running" else ()
    mode = ("dry run",) if status.dry_run else ()
    failing = tuple(f"{link.name}: {link.trouble.title}" for link in status.links if link.trouble is not None)
    users = (f"{counted(status.users, 'user')}, {status.resolved:,} with a calendar",) if not state else ()
    others = [concern.trouble.title for concern in status.concerns if concern.link is None]
    worst = (f"{others[0]}{f' and {len(others) - 1} more' if others[1:] else ''}",) if others else ()
    return "; ".join((*state, *mode, *failing, *users, *worst))


def _counts(status: Status, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield the numbers of users, and how up to date their calendars are."""
    figures = [*user_figures(status), *problem_figure(status)]
    yield from wrapped("   ".join(each.text for each in figures), width - 1, " ")
    remarks = [f"{status.watched:,} live"] if status.poll_seconds is None or status.watched else []
    if status.oldest_reading is not None:
        remarks.append(f"oldest reading {clock(status.oldest_reading, zone, status.now)}")
    if status.poll_seconds is not None:
        until = "" if status.quiet_until is None else f" until {clock(status.quiet_until, zone, status.now)}"
        remarks.append(f"read every {status.poll_seconds:.0f} s{until}")
    yield line(Span(cut(f" {', '.join([*remarks, f'times in {status.timezone}'])}", width), Role.MUTED))


def _proof(status: Status, width: int) -> Iterator[Line]:
    if status.application_proof is not None:
        yield from wrapped(f"logs in with {PROOFS[status.application_proof]}", width - 1, " " * 11, Role.MUTED)


def change_line(change: ChangeEvent, zone: tzinfo, width: int, *, seconds: bool = False) -> Line:
    """Return the line for one change."""
    key = f"{USER}{change.guid}:{change.number}" if change.guid else ""
    time = _time(change.at, zone, seconds=seconds)
    label = fitted(change.label, 20, whole=width >= UNLIMITED)
    room = width - 35 - len(time.text)
    if change.presence is not None:
        withheld = Span("would be ", Role.NOTICE) if change.kind == "withheld" else Span("")
        note = cut(change.presence.note, room - len(withheld.text))
        return line(time, withheld, activity(change.presence.activity), f"  {label}  ", note, key=key)
    if change.trouble is not None:
        text = f"{change.trouble.title}{': ' if change.trouble.detail else ''}{change.trouble.detail}"
        return line(time, Span("✗ problem  ", Role.PROBLEM), f"  {label}  ", cut(text, room), key=key)
    text = GOOD_NEWS.get(change.kind, change.kind)
    return line(time, Span("✓ working  ", Role.GOOD), f"  {label}  ", cut(text, room), key=key)


def audit_line(entry: AuditEntry, zone: tzinfo, width: int) -> Line:
    """Return the line for one entry of the audit log."""
    who = f"{entry.actor.user or f'uid {entry.actor.uid}'}{f' at {entry.node}' if entry.node else ''}"
    time = _time(entry.at, zone, seconds=True)
    return line(time, cut(f"audit: {entry.action} by {who}: {entry.subject}", width - len(time.text)))


def _time(instant: datetime, zone: tzinfo, *, seconds: bool) -> Span:
    return Span(f" {instant.astimezone(zone):{'%H:%M:%S' if seconds else '%H:%M'}}  ", Role.MUTED)


OPERATIONS: dict[OperationKind, str] = {
    "resync": "Reading calendars again",
    "reresolve": "Looking for mailboxes again",
    "probe": "Checking a connection",
    "preview": "Comparing presences",
    "setup check": "Checking the settings",
    "live preview": "Comparing with the PBX",
    "presence test": "Testing presences in the PBX",
    "clearing": "Clearing presences in the PBX",
}
ENDS = {"running": " ...", "done": ". Done.", "cancelled": ". Cancelled.", "failed": ". Internal error in the engine."}


def progress(operation: Operation) -> str:
    """Return the progress of an operation."""
    failed = f", {operation.failed:,} failed" if operation.failed else ""
    if operation.passed_on and not operation.total and operation.state == "done":
        return f"{OPERATIONS[operation.kind]}: the nodes that have these users were asked to."
    others = " The other nodes do the same for their users." if operation.passed_on else ""
    return f"{OPERATIONS[operation.kind]}: {operation.done:,} of {operation.total:,}{failed}{_end(operation)}{others}"


def _end(operation: Operation) -> str:
    """Return in words how an operation ended, or what it is waiting for."""
    if operation.trouble is None:
        return ENDS.get(operation.state, ".")
    reason = f"{operation.trouble.title}. {operation.trouble.remedy}"
    return f". Stopped: {reason}" if operation.state == "blocked" else f" ... Waiting: {reason}"


def hindrance(trouble: Trouble, until: datetime | None, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield why an operation cannot continue, and when the next attempt is."""
    yield from problem_box(trouble, width)
    if until is not None:
        yield line(f"   Next try at {until.astimezone(zone):%H:%M:%S}; nothing is read until then.")
