"""Exchange names time zones as Windows does; the rest of the engine knows IANA names."""

from collections.abc import Mapping
from functools import cache, lru_cache
from zoneinfo import available_timezones

from babel.core import get_global

# What Exchange writes for items made by programs that gave UTC without a Windows zone.
_EXCHANGE_UTC = "tzone://Microsoft/Utc"


@lru_cache
def iana_zone(exchange_id: str) -> str | None:
    """Return the IANA name for a time zone id of Exchange by CLDR's table; None for a zone that exists only there.

    An IANA name is returned as it is, perhaps behind a path of the program that wrote it: items that came from other
    systems carry one. Case does not matter.
    """
    known = _names()
    folded = exchange_id.strip().casefold()
    while folded not in known and "/" in folded:
        folded = folded.partition("/")[2]
    return known.get(folded)


@cache
def _names() -> Mapping[str, str]:
    windows: Mapping[str, str] = get_global("windows_zone_mapping")
    iana = {name.casefold(): name for name in available_timezones()}
    return {_EXCHANGE_UTC.casefold(): "Etc/UTC"} | iana | {name.casefold(): zone for name, zone in windows.items()}
