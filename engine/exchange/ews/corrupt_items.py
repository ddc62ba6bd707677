"""Reading a calendar that contains corrupt items: a search narrows down where they are, and the rest is read.

Because of one corrupt item Exchange refuses the whole FindItem (ErrorItemCorrupt and similar codes), and the response
does not say which item it is.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

from engine.core.appointments import Appointment, Oddity, ShowAs
from engine.exchange.errors import CalendarItemCorrupt
from engine.exchange.source import Window

NARROWEST = timedelta(minutes=15)
"""Parts are not made shorter than this; losing such a short appointment matters little."""

MOST_READS = 24
"""The requests of one search: enough for an item of up to two hours anywhere in a window of four days, and for a
second item unless one of them crosses the middle of a part. This is two thirds of the burst allowed per mailbox."""

FoundItems = dict[str, Appointment]
ReadWindow = Callable[[Window], Awaitable[FoundItems]]


async def read_around_corrupt(
    read: ReadWindow, window: Window, known: Sequence[Window]
) -> tuple[FoundItems, tuple[Window, ...]]:
    """Return what can be read of `window`, which was refused as a whole, and the parts that cannot be read.

    `known` are the parts that could not be read last time. Raises `CalendarItemCorrupt` if nothing can be read.
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
    """The state of one search: what was read, the refused parts to be narrowed down, and the parts given up."""

    def __init__(self, read: ReadWindow) -> None:
        self.refused = deque[Window]()
        self.unreadable: list[Window] = []
        self._read = read
        self._found: FoundItems = {}
        self._reads = 0
        self._refusals = 0
        self._refusal = CalendarItemCorrupt()

    async def can_read(self, part: Window) -> bool:
        """Read a part, unless the search has used up its requests; return whether it was read."""
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
        """Search both halves of a refused part."""
        if _is_narrow(part) or self._reads == MOST_READS:
            self.unreadable.append(part)
            return
        first, second = _halves(part)
        if not await self.can_read(first):
            self.refused.append(first)
        elif not _is_narrow(second):
            # The whole was refused and the first half was not, so the second would be: no request is needed to know.
            self.refused.append(second)
            return
        if not await self.can_read(second):
            self.refused.append(second)

    def result(self) -> tuple[FoundItems, tuple[Window, ...]]:
        """Return what was read and the unreadable parts; raises the failure if every request was refused."""
        if self._refusals == self._reads:
            raise self._refusal
        return self._found, _joined(self.unreadable)


def stand_in(part: Window) -> Appointment:
    """Return a placeholder for an unreadable part: it does not affect the presence, and shows that something is
    missing."""
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
    """Return the parts of a window that are not known to be unreadable; none if no part is known."""
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
    """Yield the parts, with adjacent and overlapping ones merged."""
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
