"""Local days in the time zone of the site, all-day appointments, and the horizon."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from engine.core.appointments import Appointment
from engine.core.presence.model import PresenceSettings
from engine.core.time_zones import TimeZoneDefinition, local_time

ONE_DAY = timedelta(days=1)
_NOTHING = timedelta()
_HALF_A_DAY = timedelta(hours=12)
_INSTANT = timedelta(microseconds=1)
_MIDNIGHT = time()
_LAST_MINUTE = time(23, 59)

# Every instant between these has a local date in every time zone; Exchange's own "never" values lie outside.
FIRST_INSTANT = datetime(1, 1, 3, tzinfo=UTC)
LAST_INSTANT = datetime(9999, 12, 29, tzinfo=UTC)


def representable(instant: datetime) -> datetime:
    """Return the nearest instant that has a local date in every time zone."""
    if FIRST_INSTANT <= instant <= LAST_INSTANT:
        return instant
    return FIRST_INSTANT if instant < FIRST_INSTANT else LAST_INSTANT


def stated_zone(appointment: Appointment) -> ZoneInfo | TimeZoneDefinition | None:
    """Return the time zone stated in an appointment, None if there is none or it is unknown."""
    if appointment.zone_definition is not None:
        return appointment.zone_definition
    return zone_named(appointment.zone) if appointment.zone else None


def are_days(appointment: Appointment, zone: ZoneInfo) -> bool:
    """Return whether an appointment lasts from one midnight of `zone` to another."""
    bounds = appointment.start, appointment.end
    if bounds[0] >= bounds[1] or bounds != tuple(map(representable, bounds)):
        return False
    return all(_is_midnight(bound, local_time(bound, zone), zone) for bound in bounds)


@lru_cache(maxsize=256)
def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone with that IANA name, None if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


@lru_cache(maxsize=4096)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which `day` starts in `zone`.

    A midnight that a clock change skips is the instant of the change; of one that occurs twice, the first counts.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the day d of `zone` with start_of_day(d) <= instant < start_of_day(d + 1).

    That is the local date, except where clocks set back across midnight would make a day start twice.
    """
    day = instant.astimezone(zone).date()
    if start_of_day(day, zone) > instant:
        return day - ONE_DAY
    if start_of_day(day + ONE_DAY, zone) <= instant:
        return day + ONE_DAY
    return day


def day_of(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the UTC instants at which `day` starts and ends in `zone`."""
    return start_of_day(day, zone), start_of_day(day + ONE_DAY, zone)


class WholeDays(msgspec.Struct, frozen=True, gc=False):
    """The `first` day and the day `after` the last one of an all-day appointment.

    `fits_stated_zone` is False if its bounds are midnights of another zone only, `is_exact` if they are not midnights.
    """

    first: date
    after: date
    fits_stated_zone: bool = True
    is_exact: bool = True


@lru_cache(maxsize=4096)
def whole_days(
    start: datetime, end: datetime, own_zone: ZoneInfo | TimeZoneDefinition | None, zone: ZoneInfo
) -> WholeDays:
    """Return the calendar days an all-day appointment means; `own_zone` is the zone stated in it, `zone` ours.

    Its author meant dates, but some programs store the midnights of their own zone and label them UTC or another
    zone, and some end it a minute or a second before midnight. So its bounds are taken as dates if both are midnights
    in the stated zone, or else in ours; otherwise each is moved to the nearest midnight.
    """
    bounds = representable(start), representable(end)
    there = own_zone or zone
    for where in (there, zone):
        first, after = (local_time(bound, where) for bound in bounds)
        last_minute = after.time() >= _LAST_MINUTE
        if _is_midnight(bounds[0], first, where) and (last_minute or _is_midnight(bounds[1], after, where)):
            days = first.date(), after.date() + (ONE_DAY if last_minute else _NOTHING)
            return WholeDays(days[0], max(days[1], days[0] + ONE_DAY), where is there, not last_minute)
    first, after = (local_time(bound, there) for bound in bounds)
    if bounds[1] - bounds[0] < _HALF_A_DAY:  # it lies within a day, which is meant, or around a midnight
        days = first.date(), (after - _INSTANT).date() + ONE_DAY
    else:
        days = (first + _HALF_A_DAY).date(), (after + _HALF_A_DAY).date()
    return WholeDays(days[0], max(days[1], days[0] + ONE_DAY), is_exact=False)


def _is_midnight(instant: datetime, local: datetime, zone: ZoneInfo | TimeZoneDefinition) -> bool:
    """If a clock change skips midnight, the first instant of the day counts as midnight."""
    return local.time() == _MIDNIGHT or local_time(instant - _INSTANT, zone).date() < local.date()


_LONGEST_HOURS = 24.0 * 36_525  # a century, which keeps the result within the range of datetime


def announced_from(start: datetime, settings: PresenceSettings) -> datetime:
    """Return the first instant at which an appointment that starts at `start` is within the horizon.

    By default that is the start of its local day. With a horizon of 0 it is `start` itself, when it is no longer
    coming.
    """
    hours = settings.horizon_hours
    if hours is None:
        return start_of_day(local_day(start, settings.timezone), settings.timezone)
    return start - timedelta(hours=max(0.0, min(hours, _LONGEST_HOURS)))
