"""Reads a calendar around items that keep Exchange from answering for the others: the window is narrowed to them.

One corrupt item has a whole FindItem refused (ErrorItemCorrupt and its kind), and the answer does not tell which it is.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

from engine.core.appointments import Appointment, Oddity, ShowAs
from engine.exchange.errors import CalendarItemCorrupt
from engine.exchange.source import Window

NARROWEST = timedelta(minutes=15)
"""No part is made shorter than that: who is busy for less than that is hardly missed."""

MOST_READS = 24
"""Requests of one search: for an item of up to two hours in a window of four days that is enough, wherever it lies,
and leaves some for a second item where it does not lie across a middle. Two thirds of what a mailbox gets at once."""

FoundItems = dict[str, Appointment]
ReadWindow = Callable[[Window], Awaitable[FoundItems]]


async def read_around(
    read: ReadWindow, window: Window, known: Sequence[Window]
) -> tuple[FoundItems, tuple[Window, ...]]:
    """Return what can be read of `window`, which was refused, and the parts that cannot; `known` were so last time.

    Raises `CalendarItemCorrupt` where nothing can be read.
    """
    search = _Search(read)
    search.unreadable += (part for part in known if part.start < window.end and part.end > window.start)
    for part in _between(window, known) or [window]:
        if part == window or not await search.can_read(part):
            search.refused.append(part)
    while search.refused:
        await search.narrow(search.refused.popleft())
    return search.result()


class _Search:
    """One search: what was read, what was refused and may be narrowed down, and what was given up."""

    def __init__(self, read: ReadWindow) -> None:
        self.refused = deque[Window]()
        self.unreadable: list[Window] = []
        self._read = read
        self._found: FoundItems = {}
        self._reads = 0
        self._refusals = 0
        self._refusal = CalendarItemCorrupt()

    async def can_read(self, part: Window) -> bool:
        """Read a part, unless there were too many already."""
        if self._reads == MOST_READS:
            return False
        self._reads += 1
        try:
            self._found |= await self._read(part)
        except CalendarItemCorrupt as failure:
            self._refusals += 1
            self._refusal = failure
            return False
        return True

    async def narrow(self, part: Window) -> None:
        """Look into both halves of what was refused."""
        if _is_narrow(part) or self._reads == MOST_READS:
            self.unreadable.append(part)
            return
        first, second = _halves(part)
        if not await self.can_read(first):
            self.refused.append(first)
        elif not _is_narrow(second):
            # What was refused in the whole and not in the first half is in the second: that need not be asked.
            self.refused.append(second)
            return
        if not await self.can_read(second):
            self.refused.append(second)

    def result(self) -> tuple[FoundItems, tuple[Window, ...]]:
        """Return what was found and the parts that were not; raises the refusal where all was refused."""
        if self._refusals == self._reads:
            raise self._refusal
        return self._found, _joined(self.unreadable)


def stand_in(part: Window) -> Appointment:
    """Return what is told in place of what cannot be read: it takes no part, and says so."""
    return Appointment(
        id=f"unreadable-{part.start:%Y%m%dT%H%M}",
        start=part.start,
        end=part.end,
        show_as=ShowAs.NO_DATA,
        oddities=(Oddity.STRETCH_UNREADABLE,),
    )


def _is_narrow(part: Window) -> bool:
    return part.end - part.start < 2 * NARROWEST


def _halves(window: Window) -> tuple[Window, Window]:
    middle = window.start + (window.end - window.start) / 2
    return Window(window.start, middle), Window(middle, window.end)


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
