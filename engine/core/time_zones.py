"""Time zones told by their rules rather than by a name: what their clocks show at an instant."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

LAST = -1
"""The occurrence of a weekday that is the last one of its month."""

_WEEK = 7


class ClockChange(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """From `at` on, a time of day on the clock as it was before, the clocks show UTC plus `offset`.

    The day is `day` of `month`, or where there is a `weekday` (Monday is 0) its `occurrence` in that month; of every
    year, or of `year` alone.
    """

    offset: timedelta
    at: timedelta
    month: int
    day: int = 1
    weekday: int | None = None
    occurrence: int = LAST
    year: int | None = None

    def in_year(self, year: int) -> datetime | None:
        """Return when the clocks change in that year, as they show it before; None if they do not."""
        if self.year not in (None, year):
            return None
        first_weekday, length = monthrange(year, self.month)
        day = min(self.day, length)
        if self.weekday is not None:
            day = (self.weekday - first_weekday) % _WEEK + 1
            weeks = (length - day) // _WEEK
            day += _WEEK * (weeks if self.occurrence == LAST else min(self.occurrence - 1, weeks))
        return datetime(year, self.month, day) + self.at  # noqa: DTZ001 - it is what a clock on the wall shows


class Era(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """The rules that hold from `begins` on, told by the clock of before: an offset from UTC, and changes of it."""

    begins: datetime
    offset: timedelta
    changes: tuple[ClockChange, ...] = ()


class TimeZoneDefinition(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A time zone as a sequence of `eras`, at least one; what was before the first is as the first."""

    eras: tuple[Era, ...]

    def local(self, instant: datetime) -> datetime:
        """Return what the clocks show at an aware instant, without a time zone."""
        utc = instant.astimezone(UTC).replace(tzinfo=None)
        return utc + self._offset(utc, len(self.eras) - 1)

    def _offset(self, utc: datetime, latest: int) -> timedelta:
        """Return the offset at `utc` by the eras up to the number `latest`."""
        for number in range(latest, 0, -1):
            begins = self.eras[number].begins
            before = _offset_in(self.eras[number - 1], begins - self.eras[number - 1].offset)
            if utc >= begins - before:
                return _offset_in(self.eras[number], utc)
        return _offset_in(self.eras[0], utc)


def local_time(instant: datetime, zone: ZoneInfo | TimeZoneDefinition) -> datetime:
    """Return what the clocks of `zone` show at an aware instant, without a time zone."""
    if isinstance(zone, TimeZoneDefinition):
        return zone.local(instant)
    return instant.astimezone(zone).replace(tzinfo=None)


def _offset_in(era: Era, utc: datetime) -> timedelta:
    offset = era.offset
    for changes_at, change in sorted(_changes_around(era, utc.year), key=lambda pair: pair[0]):
        if utc < changes_at - offset:
            break
        offset = change.offset
    return offset


def _changes_around(era: Era, year: int) -> Iterator[tuple[datetime, ClockChange]]:
    """Yield the changes that may be the last one before an instant of that year, and those of single years before."""
    for change in era.changes:
        years = range(max(date.min.year + 1, year - 1), min(date.max.year - 1, year + 1) + 1)
        for each in years if change.year is None else (change.year,):
            instant = change.in_year(each)
            if instant is not None:
                yield instant, change
