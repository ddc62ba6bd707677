"""Names of time zones in Windows, by Unicode CLDR's mapping to those of IANA."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from babel.core import get_global


@cache
def windows_zone(zone: str) -> str:
    """Return the Windows id of an IANA time zone: the one mapped to it, else one with the same time all year.

    Raises ValueError if Windows has none.
    """
    main_cities = get_global("windows_zone_mapping")
    for same in (lambda city: city == zone, lambda city: _clock_over_a_year(city) == _clock_over_a_year(zone)):
        for windows, city in main_cities.items():
            if same(city):
                return str(windows)
    raise ValueError(f"Windows has no time zone for {zone}")


def _clock_over_a_year(zone: str) -> list[timedelta | None]:
    days = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(365))
    return [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]


def iana_zone(name: str) -> ZoneInfo | None:
    """Return the zone with that name in Windows or in IANA's data, None if there is none."""
    try:
        return ZoneInfo(str(get_global("windows_zone_mapping").get(name, name)))
    except (KeyError, ValueError, OSError):
        return None
