"""All facts about one user: the calendar and how it is read, the user in the PBX, and earlier presences."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from engine.api.schema import PastChange, UserDetail
from engine.documents.lines import Line, Role, Span, activity, beside, heading, labelled, line
from engine.documents.quantities import clock


def fact_lines(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield calendar and PBX in a line each, then all that is known of them, then earlier presences."""
    yield from labelled(" Calendar  ", _calendar_in_short(user, now, zone), width - 1)
    yield from labelled(" PBX       ", _pbx_in_short(user), width - 1)
    yield line()
    yield from _facts(" More about the calendar", _calendar(user, now, zone), width)
    yield line()
    yield from _facts(" More about the user in the PBX", _pbx(user), width)
    yield line()
    yield from _history(user.history, now, zone, width)


def pbx_lines(user: UserDetail, now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield what is known of the user in the PBX, and earlier presences, where another node has the calendar."""
    yield from labelled(" PBX       ", _pbx_in_short(user), width - 1)
    yield line()
    yield from _facts(" More about the user in the PBX", _pbx(user), width)
    if user.history:
        yield line()
        yield from _history(user.history, now, zone, width)


def _calendar_in_short(user: UserDetail, now: datetime, zone: tzinfo) -> str:
    address = user.mailbox.address if user.mailbox else "no mailbox found"
    read = f"read {clock(user.last_read, zone, now)}" if user.last_read else "never read"
    followed = user.subscription
    if followed.watched:
        live = f"live since {clock(followed.since, zone, now)}" if followed.since else "live"
        return f"{address} · {live} · {read}"
    again = f"again {clock(user.next_read, zone, now)}" if user.next_read else "being read now"
    return f"{address} · not live · {read}, {again}"


def _pbx_in_short(user: UserDetail) -> str:
    groups = f"group{'' if len(user.groups) == 1 else 's'} {', '.join(user.groups)}" if user.groups else ""
    return " · ".join(part for part in (user.name, f"node {user.node}" if user.node else "", groups) if part)


def _facts(title: str, facts: Iterable[tuple[str, str]], width: int) -> Iterator[Line]:
    yield heading(title)
    for name, value in facts:
        if value:
            yield from labelled(f"   {name:<14} ", value, width - 1)


def _calendar(user: UserDetail, now: datetime, zone: tzinfo) -> tuple[tuple[str, str], ...]:
    window = ""
    if user.read_from is not None and user.read_until is not None:
        window = f"{user.read_from.astimezone(zone):%d %b %H:%M} to {user.read_until.astimezone(zone):%d %b %H:%M}"
    followed = user.subscription
    changes = f"live, on the connection of {followed.connection}" if followed.watched else "read now and then"
    return (
        ("addresses", ", ".join(user.candidates)),
        ("server", user.mailbox.url if user.mailbox else ""),
        ("changes", f"{changes}: {followed.why_not}" if followed.why_not else changes),
        ("next reading", clock(user.next_read, zone, now) if user.next_read else "under way"),
        ("covers", window),
    )


def _pbx(user: UserDetail) -> tuple[tuple[str, str], ...]:
    return (
        ("PBX", user.home),
        ("template", user.template),
        ("e-mail", ", ".join(user.addresses)),
        ("hidden", "yes" if user.hidden else ""),
        ("guid", user.guid),
    )


def _history(changes: tuple[PastChange, ...], now: datetime, zone: tzinfo, width: int) -> Iterator[Line]:
    yield heading(" Earlier presences")
    if not changes:
        yield line(Span("   nothing since the engine started", Role.MUTED))
    for change in changes:
        at = f"   {clock(change.at, zone, now):<12} "
        begin = (Span(at, Role.MUTED), activity(change.presence.activity), Span("  "))
        yield from beside(begin, change.presence.note, width - 1)
