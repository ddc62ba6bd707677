"""What a page of the set-up says above and below its fields."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from types import MappingProxyType
from zoneinfo import ZoneInfo

from engine.core.appointments import Appointment
from engine.core.presence import PresenceSettings, decide, supported_languages
from engine.core.time_zones import known_time_zones
from engine.setup.pages import Values

INTRODUCTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pbx/certificate": ("No known authority signed its certificate: usual for a PBX.",),
        "exchange/certificate": ("No authority that this machine knows signed its certificate.",),
        "exchange/password": ("Changed or expired? Presences stay as they are until it works again.",),
        "learn/learn": ("One user shows a test note for about 20 seconds; then all is as before. This is optional.",),
        "preview/preview": ("Nothing is written yet.",),
    }
)
_CHANGED = ("The certificate has changed. Trust the new one only if you know why.",)
_REMARKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pbx/certificate": ("Compare it with the PBX's page General › Certificates.",),
        "exchange/certificate": ("Compare it with Get-ExchangeCertificate in the Exchange Management Shell.",),
    }
)


def introduction(page: str, values: Values) -> tuple[str, ...]:
    """Return what a page (`step/page`) says above its fields."""
    step, _, name = page.partition("/")
    if name == "certificate" and values.get(f"{step}.fingerprint"):
        return _CHANGED
    return INTRODUCTIONS.get(page, ())


def remarks(page: str, values: Values, machine_zone: ZoneInfo, now: datetime) -> tuple[str, ...]:
    """Return what a page says below its fields; `machine_zone` is the time zone of this machine."""
    if page != "site/site":
        return _REMARKS.get(page, ())
    note = example(values, now)
    return (
        *((f"Example: {note}",) if note else ()),
        f"This machine says {machine_zone.key}.",
        "Type to search. Nothing is assumed: both must be chosen.",
    )


def example(values: Values, now: datetime) -> str:
    """Return the note of a meeting until three o'clock, "" while language or zone are not chosen."""
    language, zone = values.get("presence.language"), values.get("presence.timezone")
    if language not in supported_languages() or zone not in known_time_zones():
        return ""
    place = ZoneInfo(str(zone))
    day = now.astimezone(place).date()
    begins, ends = (datetime.combine(day, time(hour), place).astimezone(UTC) for hour in (14, 15))
    settings = PresenceSettings(language=str(language), timezone=place, show_subject=True)
    meeting = Appointment(id="example", start=begins, end=ends, subject="Meeting")
    return decide((meeting,), settings, begins).presence.note
