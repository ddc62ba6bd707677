"""Exchange names time zones as Windows does; the rest of the engine knows IANA names."""

from functools import cache, lru_cache
from zoneinfo import available_timezones

from babel.core import get_global

# What Exchange writes for items made by programs that gave UTC without a Windows zone.
_EXCHANGE_UTC = "tzone://Microsoft/Utc"


@lru_cache
def iana_zone(exchange_id: str) -> str | None:
    """Return the IANA name for a time zone id of Exchange by CLDR's table; None for a zone that exists only there.

    An IANA name is returned as it is: items that came from other systems carry one.
    """
    if exchange_id == _EXCHANGE_UTC:
        return "Etc/UTC"
    by_windows_name: str | None = get_global("windows_zone_mapping").get(exchange_id)
    if by_windows_name is not None:
        return by_windows_name
    return exchange_id if exchange_id in _iana_names() else None


@cache
def _iana_names() -> frozenset[str]:
    return frozenset(available_timezones())
