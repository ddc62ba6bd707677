"""Names of time zones in Exchange: those of Windows, and of other systems, to IANA names."""

from collections.abc import Mapping
from functools import cache, lru_cache

from babel.core import get_global

from engine.core.time_zones import known_time_zones

_LONGEST = 100

# Exchange uses this id for items of programs that wrote UTC without a Windows zone.
_EXCHANGE_UTC = "tzone://Microsoft/Utc"


@lru_cache
def iana_zone(exchange_id: str) -> str | None:
    """Return the IANA name for a time zone id of Exchange by CLDR's table; None for a custom zone.

    Items from other systems may carry an IANA name, perhaps after a path of the program that wrote it; it is returned
    without the path. Case does not matter.
    """
    known = _names()
    folded = exchange_id.strip().casefold()
    while folded not in known and "/" in folded:
        folded = folded.partition("/")[2]
    return known.get(folded)


@cache
def _names() -> Mapping[str, str]:
    windows: Mapping[str, str] = get_global("windows_zone_mapping")
    iana = {name.casefold(): name for name in known_time_zones()}
    return {_EXCHANGE_UTC.casefold(): "Etc/UTC"} | iana | {name.casefold(): zone for name, zone in windows.items()}


def stated_zone(exchange_id: str) -> str | None:
    """Return the IANA name for a time zone id, the id itself if it is an unknown one, or None without any."""
    return iana_zone(exchange_id) or exchange_id[:_LONGEST] or None
