"""The connections to PBX and Exchange, and how many users are up to date, in a line each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo

from engine.api.schema import LinkState, Status
from engine.display import counted
from engine.documents.columns import columns, filled
from engine.documents.lines import UNLIMITED, Line, Role, Span, cut, line
from engine.documents.quantities import age, clock

NAME, WORD = 9, 10
"""The least widths of a connection's name and of the word for its state."""

FIGURES = 42
"""The column where figures begin, unless what is before them needs more room."""

DESIGNED_FOR = 80
"""On a narrower terminal figures begin as early as possible."""

GAPS = (4, 3, 2)
"""Blanks between figures, as many as there is room for."""

Figures = Callable[[int], Sequence[Span]]
"""Returns figures for a number of columns."""

LOSSES, SLOWNESS = "pbx-link-unstable", "exchange-slow"
TROUBLED = {
    LOSSES: Span("✗ keeps dropping", Role.PROBLEM),
    SLOWNESS: Span("! slow", Role.NOTICE),
}
"""Problems that a working connection shows in place of its state."""


def link_lines(
    status: Status,
    zone: tzinfo,
    width: int,
    figures: Sequence[Figures] = (),
    *,
    known_until: datetime | None = None,
) -> Iterator[Line]:
    """Yield a line for each connection, with figures for the columns that are left at the right of the first ones.

    `known_until` is when the engine answered last, None if it does.
    """
    longest = max((NAME, *(len(link.name) for link in status.links)))
    states = [_state(link, status, zone, known_until) for link in status.links]
    widest = max((WORD + 2, *(columns(mark.text) + 2 for mark, _ in states)))
    starts = [
        (Span(f" {link.name:<{longest}} "), mark._replace(text=filled(mark.text, widest)), remark)
        for link, (mark, remark) in zip(status.links, states, strict=True)
    ]
    place = max((FIGURES if width >= DESIGNED_FOR else 0, *(_width(each) + 2 for each in starts)))
    for index, start in enumerate(starts):
        numbers = figures[index](width - place - 1) if index < len(figures) else ()
        yield line(*start, " " * (place - _width(start)), *numbers) if numbers else line(*start)


def _state(link: LinkState, status: Status, zone: tzinfo, known_until: datetime | None) -> tuple[Span, Span]:
    """Return the state of a connection and a remark on it; `known_until` as in `link_lines`."""
    if known_until is None:
        return link_mark(link, status), _remark(link, status, zone)
    was = "working" if link.works else "down"
    at = clock(known_until, zone, status.now)
    return Span("? unknown", Role.MUTED), Span(f"was {was} {at}", Role.MUTED)


def link_mark(link: LinkState, status: Status) -> Span:
    """Return the state of a connection."""
    if link.works:
        found = (TROUBLED.get(each.trouble.type) for each in status.concerns if each.link == link.name)
        return next((each for each in found if each is not None), Span("✓ working", Role.GOOD))
    return Span("✗ down", Role.PROBLEM) if link.trouble else Span("· connecting", Role.MUTED)


def _remark(link: LinkState, status: Status, zone: tzinfo) -> Span:
    """Return since when a connection has worked, or how badly it does, or what it waits for; the next attempt is in
    real time, without a date."""
    match link.waits_for:
        case None:
            return Span(_how_badly(link, status) or _since(link, status, zone), Role.MUTED)
        case "next try" if link.retry_at is not None:
            return Span(f"next try {link.retry_at.astimezone(zone):%H:%M:%S}", Role.NOTICE)
        case "call":
            return Span("waits for its call", Role.NOTICE)
        case "users":
            return Span("waits for the users", Role.NOTICE)
        case awaited:
            return Span(f"waits for the {awaited}", Role.NOTICE)


def _how_badly(link: LinkState, status: Status) -> str:
    """Return how often a connection that works was lost, or how slowly it answers, where that is a problem."""
    found = {each.trouble.type for each in status.concerns if each.link == link.name}
    if LOSSES in found and link.first_lost is not None:
        return f"{link.losses} × in {age((status.now - link.first_lost).total_seconds())}"
    if SLOWNESS in found and link.answer_seconds is not None:
        return f"{age(link.answer_seconds)} an answer"
    return ""


def _since(link: LinkState, status: Status, zone: tzinfo) -> str:
    return f"since {clock(link.since, zone, status.now)}" if link.since else ""


def user_figures(status: Status) -> list[Span]:
    """Return how many users there are, are up to date, are no pilots and so not written, and wait; in a dry run, how
    many would show something."""
    if status.dry_run:
        would = status.resolved - status.pending
        return [
            Span(counted(status.users, "user")),
            Span(f"{would:,} would show", Role.NOTICE),
            Span(f"{status.users - would:,} not"),
        ]
    withheld = [Span(f"{status.withheld:,} not written", Role.NOTICE)] if status.withheld else []
    return [
        Span(counted(status.users, "user")),
        Span(f"{status.up_to_date:,} up to date"),
        *withheld,
        Span(f"{waiting(status):,} waiting"),
    ]


def problem_figure(status: Status) -> list[Span]:
    """Return how many users have a problem because of which they are not up to date, nothing if none has."""
    number = status.users - status.up_to_date - waiting(status) - status.withheld
    return [Span(counted(number, "problem"), Role.PROBLEM)] if number > 0 and not status.dry_run else []


def waiting(status: Status) -> int:
    """Return how many users wait until their calendar is read, or their presence is written."""
    return status.pending + status.unread


def _width(spans: Iterable[Span]) -> int:
    return sum(columns(span.text) for span in spans)


def spread(figures: Iterable[Span], room: int) -> list[Span]:
    """Return figures with as much air as fits; those that do not fit at all are left out, the last one first."""
    figures = list(figures)
    while len(figures) > 1 and _width(figures) + 2 * (len(figures) - 1) > room:
        figures.pop()
    used = _width(figures)
    gap = next((each for each in GAPS if used + each * (len(figures) - 1) <= room), 2) if room < UNLIMITED else 3
    spread: list[Span] = []
    for index, each in enumerate(figures):
        spread += [Span(" " * gap)] * (index > 0) + [each]
    if spread and columns(spread[-1].text) > room > 0 and len(spread) == 1:
        spread[-1] = spread[-1]._replace(text=cut(spread[-1].text, room))
    return spread
