"""Time zones: the names that are known, zones defined by rules instead of a name, and local time in them."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec

LAST = -1
"""Value of `occurrence` for the last such weekday of a month."""

_WEEK = 7


class ClockChange(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A clock change: from `at` on, in local time before the change, local time is UTC plus `offset`.

    The day is `day` of `month`, or, with a `weekday` (Monday is 0), its `occurrence` in that month; in every year, or
    in `year` only.
    """

    offset: timedelta
    at: timedelta
    month: int
    day: int = 1
    weekday: int | None = None
    occurrence: int = LAST
    year: int | None = None

    def in_year(self, year: int) -> datetime | None:
        """Return the local time, before the change, of the change in that year; None if there is none."""
        if self.year not in (None, year):
            return None
        first_weekday, length = monthrange(year, self.month)
        day = min(self.day, length)
        if self.weekday is not None:
            day = (self.weekday - first_weekday) % _WEEK + 1
            weeks = (length - day) // _WEEK
            day += _WEEK * (weeks if self.occurrence == LAST else min(self.occurrence - 1, weeks))
        return datetime(year, self.month, day) + self.at  # noqa: DTZ001 - local time


class Era(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """The rules from `begins` on (local time before): an offset from UTC, and its changes."""

    begins: datetime
    offset: timedelta
    changes: tuple[ClockChange, ...] = ()


class TimeZoneDefinition(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A time zone as a sequence of at least one of `eras`; the first also covers all time before it."""

    eras: tuple[Era, ...]

    def local(self, instant: datetime) -> datetime:
        """Return the local time of an aware instant, as a naive datetime."""
        utc = instant.astimezone(UTC).replace(tzinfo=None)
        return utc + self._offset(utc, len(self.eras) - 1)

    def _offset(self, utc: datetime, latest: int) -> timedelta:
        """Return the offset at `utc` by the eras up to index `latest`."""
        for number in range(latest, 0, -1):
            begins = self.eras[number].begins
            before = _offset_in(self.eras[number - 1], begins - self.eras[number - 1].offset - datetime.resolution)
            if utc >= begins - before:
                return _offset_in(self.eras[number], utc)
        return _offset_in(self.eras[0], utc)


@cache
def known_time_zones() -> frozenset[str]:
    """Return the IANA names that this machine knows; finding them reads the whole time zone directory, about 20 ms."""
    return frozenset(available_timezones())


def local_time(instant: datetime, zone: ZoneInfo | TimeZoneDefinition) -> datetime:
    """Return the local time in `zone` of an aware instant, as a naive datetime."""
    if isinstance(zone, TimeZoneDefinition):
        return zone.local(instant)
    return instant.astimezone(zone).replace(tzinfo=None)


def _offset_in(era: Era, utc: datetime) -> timedelta:
    """Return the offset by the rules of one era; a change at its very beginning has been made when it begins."""
    offset = era.offset
    for changes_at, change in sorted(_changes_around(era, utc.year), key=lambda pair: pair[0]):
        if utc < changes_at - offset and changes_at != era.begins:
            break
        offset = change.offset
    return offset


def _changes_around(era: Era, year: int) -> Iterator[tuple[datetime, ClockChange]]:
    """Yield the changes that may be the last before an instant of that year, including earlier single-year ones."""
    for change in era.changes:
        years = range(max(date.min.year + 1, year - 1), min(date.max.year - 1, year + 1) + 1)
        for each in years if change.year is None else (change.year,):
            instant = change.in_year(each)
            if instant is not None:
                yield instant, change
