"""What if the settings were others: a whole day of a calendar under them, before anything is applied."""

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from engine.core.appointments import Appointment
from engine.core.presence.candidates import candidate
from engine.core.presence.decide import decide_among
from engine.core.presence.intervals import ONE_DAY, start_of_day
from engine.core.presence.model import Presence, PresenceSettings


class Change(msgspec.Struct, frozen=True):
    """From `at` (UTC) on, the PBX shows `presence`."""

    at: datetime
    presence: Presence


def preview_day(appointments: Iterable[Appointment], settings: PresenceSettings, day: date) -> tuple[Change, ...]:
    """Return every presence of one user on `day`, a day of the presence time zone, the first from its beginning on.

    For a single instant, `decide` under other settings is the preview.
    """
    candidates = [candidate(appointment, settings) for appointment in appointments]
    now: datetime | None = start_of_day(day, settings.timezone)
    end = start_of_day(day + ONE_DAY, settings.timezone)
    changes: list[Change] = []
    while now is not None and now < end:
        presence, until = decide_among(candidates, settings, now)
        if not changes or changes[-1].presence != presence:
            changes.append(Change(now, presence))
        now = until
    return tuple(changes)
