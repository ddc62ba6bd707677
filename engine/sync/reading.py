"""Reading one calendar: the window that decisions need, and the first reading of a user's mailbox."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from engine.core.presence.model import PresenceSettings
from engine.exchange.errors import MailboxNotFound
from engine.exchange.source import CalendarSource, Mailbox, Window
from engine.sync.participants import Reading

OTHER_ZONES = timedelta(hours=26)
"""Whole days count in the presence time zone, but Exchange uses the one they were made in: UTC-12 to UTC+14."""

LOOK_BACK = timedelta(hours=25)
"""The longest day: what is over of today is shown too."""

LOOK_AHEAD = timedelta(hours=48)
"""How far ahead is read at least; further if the horizon of the presence settings requires it."""

_ASKED_BACK = timedelta(hours=1) + OTHER_ZONES
"""Finds whatever still lasts in the presence time zone, and with it all that is over of today."""

LONGEST_WORDING = timedelta(hours=26)
"""How far ahead a decision can look without a horizon in hours: to the end of a local day of 25 hours, and a margin."""

_UNTIL_THE_NEXT = timedelta(hours=22)
"""How long a reading serves for decisions, at least."""

ReadMailbox = Callable[[Mailbox], Awaitable[tuple[Mailbox, Reading]]]


def cover_of(settings: PresenceSettings) -> timedelta:
    """Return how far ahead a decision under these settings can look."""
    return max(LONGEST_WORDING, timedelta(hours=settings.horizon_hours or 0) + OTHER_ZONES)


async def read_calendar(source: CalendarSource, mailbox: Mailbox, now: datetime, cover: timedelta) -> Reading:
    """Read what decisions from `now` on (calendar time) need, which look ahead as far as `cover`."""
    window = Window(now - LOOK_BACK, now + max(LOOK_AHEAD, cover + _UNTIL_THE_NEXT))
    found = await source.read_window(mailbox, Window(now - _ASKED_BACK, window.end))
    appointments = tuple(each for each in found if not each.is_understood or each.all_day or each.end > window.start)
    return Reading.of(window, appointments, now)


async def read_first(
    source: CalendarSource, mailbox: Mailbox, following: Sequence[str], read: ReadMailbox
) -> tuple[Mailbox, Reading]:
    """Read the calendar of a mailbox that was just found, or of the next candidate if it does not exist after all.

    `following` are the candidates after the one that led to the mailbox; empty for a user whose calendar was read
    before, because then the right mailbox only has a temporary problem.
    """
    try:
        return await read(mailbox)
    except MailboxNotFound as failure:
        if not following:
            raise
        try:
            other = await source.resolve(following)
        except MailboxNotFound:
            raise failure from None
        if other.address.lower() == mailbox.address.lower():
            raise
        return await read_first(source, other, candidates_after(other, following), read)


def candidates_after(mailbox: Mailbox, candidates: Sequence[str]) -> tuple[str, ...]:
    """Return the candidates that come after the one that led to a mailbox."""
    known = [each.lower().rstrip(".") for each in candidates]
    wanted = mailbox.found_by.lower()
    return tuple(candidates[known.index(wanted) + 1 :]) if wanted in known else ()
