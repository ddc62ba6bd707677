"""Whose presence would be another one today if the presence settings were: over the calendars as they were read."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.core.appointments import Appointment
from engine.core.presence import Difference, PresenceSettings, differences
from engine.core.presence.intervals import ONE_DAY, local_day, start_of_day
from engine.core.users import User

USERS_IN_A_ROW = 5
"""After so many the loop gets a turn: a day of one user takes about a millisecond."""


class Calendars(Protocol):
    """Where users and their calendars come from."""

    def calendar(self, guid: str) -> tuple[User, tuple[Appointment, ...] | None] | None:
        """Return a user and the appointments read last, None while none were; None for whoever takes no part."""
        ...


@dataclass(frozen=True, slots=True)
class Affected:
    """A user, and when the presence would be another one, in order of time."""

    user: User
    differences: tuple[Difference, ...]


@dataclass(slots=True)
class Preview:
    """What is known so far: `looked_at` users, `unread` of them without a calendar, and who is affected."""

    looked_at: int
    unread: int
    affected: list[Affected]


async def preview(
    calendars: Calendars,
    guids: Iterable[str],
    before: PresenceSettings,
    after: PresenceSettings,
    now: datetime,
    progressed: Callable[[Preview], None],
) -> None:
    """Compare from `now` (calendar time) until the end of the local day, some users at a time."""
    end = start_of_day(local_day(now, after.timezone) + ONE_DAY, after.timezone)
    result = Preview(0, 0, [])
    for guid in guids:
        found = calendars.calendar(guid)
        if found is not None:
            user, appointments = found
            result.looked_at += 1
            result.unread += appointments is None
            changed = differences(appointments or (), before, after, now, end)
            if changed:
                result.affected.append(Affected(user, changed))
        if result.looked_at % USERS_IN_A_ROW == 0:
            progressed(result)
            await asyncio.sleep(0)
    progressed(result)
