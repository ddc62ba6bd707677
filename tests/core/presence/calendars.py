"""Short notation for calendars: appointments of one Wednesday in Berlin, in local time."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from engine.core.appointments import Appointment, ShowAs
from engine.core.presence import PresenceSettings, decide

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY = date(2026, 3, 4)
SHOWN = PresenceSettings(timezone=BERLIN, show_subject=True)


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """Return the UTC instant of a local time: `13:30` on that Wednesday, or `2026-03-06 13:30`."""
    day, _, clock = text.rpartition(" ")
    local = datetime.fromisoformat(f"{day or WEDNESDAY.isoformat()} {clock}").replace(tzinfo=zone)
    return local.astimezone(UTC)


def appointment(start: str, end: str, subject: str = "Meeting", **fields: Any) -> Appointment:
    """Return an appointment between two local times."""
    fields.setdefault("id", subject)
    return Appointment(start=at(start), end=at(end), subject=subject, **fields)


def days(first: str, after: str, subject: str = "Vacation", zone: ZoneInfo = BERLIN, **fields: Any) -> Appointment:
    """Return an all-day appointment made in `zone` that ends before the day `after`."""
    given = {"id": subject, "show_as": ShowAs.OOF, "zone": zone.key, **fields}
    start, end = at(f"{first} 00:00", zone), at(f"{after} 00:00", zone)
    return Appointment(start=start, end=end, subject=subject, all_day=True, **given)


def changed(original: Appointment, **fields: Any) -> Appointment:
    """Return the same appointment with other fields."""
    return msgspec.structs.replace(original, **fields)


def note(*appointments: Appointment, now: str = "10:00", settings: PresenceSettings = SHOWN) -> str:
    """Return the note at a local time."""
    return decide(appointments, settings, at(now)).presence.note


def activity(*appointments: Appointment, now: str = "10:00", settings: PresenceSettings = SHOWN) -> str:
    """Return the activity at a local time."""
    return decide(appointments, settings, at(now)).presence.activity
