"""Preview of other settings: whose presence would change today, by the calendars read last or by another source."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from engine.core.appointments import Appointment
from engine.core.errors import Failure, Scope
from engine.core.presence import PresenceDifference, differences
from engine.core.presence.local_days import ONE_DAY, local_day, start_of_day
from engine.core.presence.model import PresenceSettings
from engine.core.users import User
from engine.exchange.source import CalendarSource, Mailbox
from engine.sync.participants import Reading
from engine.sync.reading import candidates_after, cover_of, read_calendar, read_first

USERS_IN_A_ROW = 5
"""After this many the event loop gets a turn: a day of one user takes about a millisecond."""


@dataclass(frozen=True, slots=True)
class UserCalendar:
    """A user with the addresses to find the mailbox by, and the appointments read last, None before the first read."""

    user: User
    candidates: tuple[str, ...]
    appointments: tuple[Appointment, ...] | None


class UserCalendars(Protocol):
    """Source of users and their calendars."""

    def calendar(self, guid: str) -> UserCalendar | None:
        """Return a user's calendar, None if the user does not take part."""
        ...


@dataclass(frozen=True, slots=True)
class AffectedUser:
    """A user whose presence would change, with the differences in order of time; with a `failure`, no longer known."""

    user: User
    differences: tuple[PresenceDifference, ...] = ()
    failure: Failure | None = None


@dataclass(slots=True)
class PresencePreview:
    """Result so far: `looked_at` users, `unread` of them without a calendar, and the affected ones.

    `stopped_by` is why another source could not be asked any further.
    """

    looked_at: int = 0
    unread: int = 0
    affected: list[AffectedUser] = field(default_factory=list)
    stopped_by: Failure | None = None


Progressed = Callable[[PresencePreview], None]


async def preview(
    calendars: UserCalendars,
    guids: Iterable[str],
    before: PresenceSettings,
    after: PresenceSettings,
    now: datetime,
    progressed: Progressed,
) -> None:
    """Compare two settings from `now` (calendar time) until the end of the local day, some users at a time."""
    end = start_of_day(local_day(now, after.timezone) + ONE_DAY, after.timezone)
    result = PresencePreview()
    for found in _known(calendars, guids):
        result.looked_at += 1
        result.unread += found.appointments is None
        changed = differences(found.appointments or (), before, after, now, end)
        if changed:
            result.affected.append(AffectedUser(found.user, changed))
        if result.looked_at % USERS_IN_A_ROW == 0:
            progressed(result)
            await asyncio.sleep(0)
    progressed(result)


async def preview_source(
    calendars: UserCalendars,
    guids: Iterable[str],
    source: CalendarSource,
    before: PresenceSettings,
    after: PresenceSettings,
    now: datetime,
    progressed: Progressed,
) -> None:
    """Read all calendars by another source and compare what they would show, as `preview` does.

    A user whose calendar it cannot read counts as affected. A failure of the source as a whole ends the comparison.
    """
    comparison = _Comparison(calendars, source, before, after, now)
    waiting = iter(tuple(guids))
    async with asyncio.TaskGroup() as group:
        for _ in range(source.reads_at_once):
            group.create_task(comparison.run(waiting, progressed))
    progressed(comparison.result)


class _Comparison:
    def __init__(
        self,
        calendars: UserCalendars,
        source: CalendarSource,
        before: PresenceSettings,
        after: PresenceSettings,
        now: datetime,
    ) -> None:
        self.result = PresencePreview()
        self._calendars = calendars
        self._source = source
        self._before = before
        self._after = after
        self._now = now
        self._end = start_of_day(local_day(now, after.timezone) + ONE_DAY, after.timezone)

    async def run(self, waiting: Iterator[str], progressed: Progressed) -> None:
        for found in _known(self._calendars, waiting):
            try:
                affected = await self._compare(found)
            except Failure as failure:
                if failure.scope is Scope.SERVICE:
                    self.result.stopped_by = self.result.stopped_by or failure
                    return
                affected = AffectedUser(found.user, failure=failure)
            if self.result.stopped_by is not None:
                return
            self.result.looked_at += 1
            self.result.unread += found.appointments is None
            if affected is not None:
                self.result.affected.append(affected)
            progressed(self.result)

    async def _compare(self, found: UserCalendar) -> AffectedUser | None:
        mailbox = await self._source.resolve(found.candidates)
        cover = cover_of(self._after)

        async def read(other: Mailbox) -> tuple[Mailbox, Reading]:
            return other, await read_calendar(self._source, other, self._now, cover)

        _, reading = await read_first(
            self._source,
            mailbox,
            candidates_after(mailbox, found.candidates),
            read,
        )
        if found.appointments is None:
            return None
        changed = differences(
            found.appointments, self._before, self._after, self._now, self._end, calendar_after=reading.appointments
        )
        return AffectedUser(found.user, changed) if changed else None


def _known(calendars: UserCalendars, guids: Iterable[str]) -> Iterator[UserCalendar]:
    for guid in guids:
        found = calendars.calendar(guid)
        if found is not None:
            yield found
