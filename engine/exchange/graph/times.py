"""Times, free/busy states and whole days as Graph states them: local date and time, and the name of a time zone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from engine.core.appointments import ShowAs
from engine.core.time_zones import Era, TimeZoneDefinition
from engine.exchange.zone_names import iana_zone

SHOW_AS: Mapping[str, ShowAs] = MappingProxyType(
    {
        "free": ShowAs.FREE,
        "tentative": ShowAs.TENTATIVE,
        "busy": ShowAs.BUSY,
        "oof": ShowAs.OOF,
        "workingElsewhere": ShowAs.WORKING_ELSEWHERE,
        "unknown": ShowAs.NO_DATA,
    }
)
"""The words of freeBusyStatus (CSDL)."""

UTC_DAYS = TimeZoneDefinition((Era(datetime(2, 1, 1, tzinfo=UTC).replace(tzinfo=None), timedelta()),))
"""The zone in which whole days of an unknown time zone are midnights: they mean dates, wherever they were made."""

_MIDNIGHT = time()
_NO_ZONE = ("Etc/UTC", None)
"""Whole days made by programs carry UTC whatever is meant; a custom zone has no name."""


class DateTimeTimeZone(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A dateTimeTimeZone: a local time with up to seven decimals, in a zone with a Windows or an IANA name."""

    date_time: str | None = None
    time_zone: str | None = None

    def local(self) -> datetime | None:
        """Return the time as stated, None if it cannot be understood; aware if it states an offset itself."""
        try:
            return datetime.fromisoformat(self.date_time or "")
        except ValueError:
            return None

    def instant(self) -> datetime | None:
        """Return the UTC instant, None if it cannot be understood. Without a zone, the one requested is meant: UTC."""
        local = self.local()
        zone = _zone(self.time_zone) if self.time_zone else UTC
        if local is None or zone is None:
            return None
        try:
            return (local if local.tzinfo is not None else local.replace(tzinfo=zone)).astimezone(UTC)
        except OverflowError:
            return None


class DayBounds(msgspec.Struct, frozen=True, gc=False):
    """Whole days as the instants of their midnights in `zone`, or, if that is None, in the zone of `definition`."""

    start: datetime
    end: datetime
    zone: str | None
    definition: TimeZoneDefinition | None


def whole_days(start: DateTimeTimeZone, end: DateTimeTimeZone, original_zone: str) -> DayBounds | None:
    """Return the days of an all-day event, None if its bounds are no midnights.

    Graph shows them as midnights of whatever zone was requested, so their dates count and not their instants
    (microsoft-graph-docs, issues 1802 and 6003). `original_zone` is the one that the event was made in.
    """
    bounds = start.local(), end.local()
    days = [each.date() for each in bounds if each is not None and each.time() == _MIDNIGHT]
    if len(days) < len(bounds):
        return None
    name = iana_zone(original_zone)
    zone = _zone(name) if name not in _NO_ZONE else None
    try:
        first, after = (_midnight(day, zone or UTC) for day in days)
    except OverflowError:
        return None
    return DayBounds(first, after, None if zone is None else name, UTC_DAYS if zone is None else None)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, _MIDNIGHT, tzinfo=zone).astimezone(UTC)


def _zone(name: str | None) -> tzinfo | None:
    known = iana_zone(name or "")
    return ZoneInfo(known) if known else None
