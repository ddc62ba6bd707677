"""The notes that today's real appointments give under settings that are being chosen, quick enough for every key."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.appointments import Appointment
from engine.core.clock import Clock
from engine.core.presence import (
    CLEARED,
    AppointmentOutcome,
    Decision,
    Hidden,
    Presence,
    PresenceSettings,
    Reason,
    decide,
    differences,
)
from engine.core.presence.local_days import ONE_DAY, local_day, start_of_day
from engine.core.users import User
from engine.sync.preview import UserCalendar

TIME = timedelta(milliseconds=100)
"""Time for one answer: who presses a key sees its effect. What cannot be computed by then is left out, and said so."""

USERS_IN_A_ROW = 5
"""After this many the event loop gets a turn."""

MOST_CHANGES = 100
"""Changes of presence that are looked through for the first note of a day."""

_DECISIVE = (AppointmentOutcome.ACTIVE, AppointmentOutcome.NEXT)


@dataclass(frozen=True, slots=True)
class TodaysNote:
    """What a user shows first from now on, at `begins` (None: now). `private`: its subject is hidden because it is
    private; `all_day`: it is that of a whole day. `before` is what other settings would show then, None if the same."""

    user: User
    begins: datetime | None
    presence: Presence
    private: bool
    all_day: bool
    before: Presence | None


@dataclass(frozen=True, slots=True)
class TodaysNotes:
    """Notes of `looked_at` of `users` with a calendar; `differ` of them show something else than before today."""

    users: int
    looked_at: int
    showing: int
    differ: int
    notes: tuple[TodaysNote, ...]


async def todays_notes(
    calendars: Sequence[UserCalendar],
    before: PresenceSettings | None,
    after: PresenceSettings,
    now: datetime,
    most: int,
    clock: Clock,
) -> TodaysNotes:
    """Return today's notes under `after`, at most `most` of them, those that differ from `before` first.

    `now` is calendar time. As many users are computed as there is `TIME` for by `clock`, the network clock, but at
    least `most`; evenly spread over all of them.
    """
    read = [(each.user, each.appointments) for each in calendars if each.appointments is not None]
    begun, notes, differing = clock.now(), list[TodaysNote](), 0
    looked_at = 0
    for user, appointments in _spread(read):
        if looked_at >= most and clock.now() - begun > TIME:
            break
        looked_at += 1
        is_other = before is not None and before != after and _differs(appointments, before, after, now)
        differing += is_other
        note = _first(user, appointments, before if is_other else None, after, now)
        if note is not None:
            notes.append(note)
        if looked_at % USERS_IN_A_ROW == 0:
            await asyncio.sleep(0)
    notes.sort(key=lambda each: (each.before is None, each.begins or now, each.user.label.casefold()))
    return TodaysNotes(len(read), looked_at, len(notes), differing, tuple(notes[:most]))


_Read = tuple[User, tuple[Appointment, ...]]


def _spread(read: Sequence[_Read]) -> list[_Read]:
    """Return all of them in an order whose beginning is spread over the whole."""
    steps = max(1, len(read) // 100)
    return [each for first in range(steps) for each in read[first::steps]]


def _differs(
    appointments: tuple[Appointment, ...], before: PresenceSettings, after: PresenceSettings, now: datetime
) -> bool:
    return bool(differences(appointments, before, after, now, _end_of_day(now, after)))


def _end_of_day(now: datetime, settings: PresenceSettings) -> datetime:
    return start_of_day(local_day(now, settings.timezone) + ONE_DAY, settings.timezone)


def _first(
    user: User,
    appointments: tuple[Appointment, ...],
    before: PresenceSettings | None,
    after: PresenceSettings,
    now: datetime,
) -> TodaysNote | None:
    """Return the first note of a user from `now` until the end of the day, None if there is none."""
    instant, end = now, _end_of_day(now, after)
    for _ in range(MOST_CHANGES):
        decision = decide(appointments, after, instant)
        other = None if before is None else decide(appointments, before, instant).presence
        if decision.presence != CLEARED or other not in (None, CLEARED):
            reason = _decisive(decision)
            return TodaysNote(
                user,
                None if instant == now else instant,
                decision.presence,
                reason is not None and reason.hidden in (Hidden.PRIVATE, Hidden.CONFIDENTIAL),
                reason is not None and reason.all_day,
                None if other == decision.presence else other,
            )
        if decision.valid_until is None or decision.valid_until >= end:
            return None
        instant = decision.valid_until
    return None


def _decisive(decision: Decision) -> Reason | None:
    """Return the appointment that a note is about."""
    found = [each for each in decision.reasons if each.outcome in _DECISIVE]
    return min(found, key=lambda each: _DECISIVE.index(each.outcome), default=None)
