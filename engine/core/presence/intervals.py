"""When an appointment begins and ends for us: whole days as days of the presence time zone, clock changes included."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)

# Every instant between these two has a local date in every time zone; Exchange's own "never" values lie outside.
FIRST_INSTANT = datetime(1, 1, 3, tzinfo=UTC)
LAST_INSTANT = datetime(9999, 12, 29, tzinfo=UTC)


def representable(instant: datetime) -> datetime:
    """Return the nearest instant that has a local date in every time zone."""
    if FIRST_INSTANT <= instant <= LAST_INSTANT:
        return instant
    return FIRST_INSTANT if instant < FIRST_INSTANT else LAST_INSTANT


@lru_cache(maxsize=256)
def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone of that IANA name, None where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


@lru_cache(maxsize=4096)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which `day` begins in `zone`.

    A midnight that the clocks skip is the moment they do so, one that comes twice is the first of the two.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the day d of `zone` with start_of_day(d) <= instant < start_of_day(d + 1).

    That is the date on the wall, except where clocks set back across midnight would make a day begin twice.
    """
    day = instant.astimezone(zone).date()
    if start_of_day(day, zone) > instant:
        return day - ONE_DAY
    if start_of_day(day + ONE_DAY, zone) <= instant:
        return day + ONE_DAY
    return day


@lru_cache(maxsize=4096)
def whole_days(start: datetime, end: datetime, made_in: ZoneInfo) -> tuple[date, date]:
    """Return the first day and the day after the last of an all-day appointment: its bounds read as dates.

    Bounds within one day mean that day.
    """
    first = representable(start).astimezone(made_in).date()
    return first, max(representable(end).astimezone(made_in).date(), first + ONE_DAY)
