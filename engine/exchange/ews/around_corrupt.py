"""Reads a calendar around items that keep Exchange from answering for the others: the window is narrowed to them.

One corrupt item has a whole FindItem refused (ErrorItemCorrupt and its kind), and the answer does not tell which it is.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

from engine.core.appointments import Appointment, Oddity, ShowAs
from engine.exchange.failures import CalendarItemCorrupt
from engine.exchange.source import Window

NARROWEST = timedelta(minutes=15)
"""No part is made shorter than that: who is busy for less than that is hardly missed."""

MOST_READS = 24
"""Requests of one search: two for each halving of a window of four days, and some for a second item. Two thirds of
what a mailbox gets at once."""

Found = dict[str, Appointment]
Read = Callable[[Window], Awaitable[Found]]


async def read_around(read: Read, window: Window, known: Sequence[Window]) -> tuple[Found, tuple[Window, ...]]:
    """Return what can be read of `window`, and the parts that cannot; `known` are those of the time before.

    Raises `CalendarItemCorrupt` where nothing can be read.
    """
    found: Found = {}
    waiting = deque(_between(window, known) or _halves(window))
    unreadable = [part for part in known if part.start < window.end and part.end > window.start]
    refusal, reads, refused = CalendarItemCorrupt(), 0, 0
    while waiting:
        part = waiting.popleft()
        if reads == MOST_READS:
            unreadable.append(part)
            continue
        reads += 1
        try:
            found |= await read(part)
        except CalendarItemCorrupt as failure:
            refusal, refused = failure, refused + 1
            if part.end - part.start < 2 * NARROWEST:
                unreadable.append(part)
            else:
                waiting.extend(_halves(part))
    if refused == reads:
        raise refusal
    return found, _joined(unreadable)


def stand_in(part: Window) -> Appointment:
    """Return what is told in place of what cannot be read: it takes no part, and says so."""
    return Appointment(
        id=f"unreadable-{part.start:%Y%m%dT%H%M}",
        start=part.start,
        end=part.end,
        show_as=ShowAs.NO_DATA,
        oddities=(Oddity.STRETCH_UNREADABLE,),
    )


def _halves(window: Window) -> list[Window]:
    middle = window.start + (window.end - window.start) / 2
    return [Window(window.start, middle), Window(middle, window.end)]


def _between(window: Window, known: Sequence[Window]) -> list[Window]:
    """Return the parts of a window that are not known to be unreadable; none where nothing is known."""
    parts: list[Window] = []
    start = window.start
    for part in known:
        if part.start > start:
            parts.append(Window(start, min(part.start, window.end)))
        start = max(start, part.end)
    if start < window.end:
        parts.append(Window(start, window.end))
    return [part for part in parts if part != window and part.start < part.end]


def _joined(parts: Sequence[Window]) -> tuple[Window, ...]:
    return tuple(_join(sorted(parts, key=lambda part: part.start)))


def _join(parts: Sequence[Window]) -> Iterator[Window]:
    """Yield neighbours as one."""
    last: Window | None = None
    for part in parts:
        if last is not None and part.start <= last.end:
            last = Window(last.start, max(last.end, part.end))
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last
