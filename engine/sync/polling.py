"""When a calendar without notifications is read next: spread evenly over the interval, slower in quiet hours."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.core.quiet_hours import QuietHours
from engine.exchange.source import CalendarSource
from engine.settings.model import SiteSettings

TOGETHER = timedelta(milliseconds=200)
"""Calendars are due in groups, at most this long after one another: the engine wakes once for each, and reads them in
one request where the source can do that."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HASHES = 2**32
_NO_QUIET_HOURS = QuietHours()


@dataclass(frozen=True, slots=True)
class PollInterval:
    """How often calendars are read now; longer than usual until `quiet_until`, if that is set."""

    interval: timedelta
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """Gives each key a place of its own within an `interval`, which is `quiet_factor` times as long in `quiet` hours.

    The place follows from the key alone, so that after a restart, too, no more calendars are read at one instant than
    at another.
    """

    interval: timedelta
    quiet: QuietHours
    quiet_factor: int
    zone: ZoneInfo

    @classmethod
    def of(cls, settings: SiteSettings, source: CalendarSource) -> "PollSchedule":
        """Return the schedule of the settings for the calendars of `source`."""
        exchange = settings.exchange
        return cls(
            interval=timedelta(seconds=exchange.poll_seconds),
            quiet=QuietHours.of(exchange.quiet_hours) if source.heeds_quiet_hours else _NO_QUIET_HOURS,
            quiet_factor=exchange.quiet_factor,
            zone=settings.presence.timezone,
        )

    def next(self, key: str, now: datetime) -> datetime:
        """Return the next instant after `now` at which the calendar of `key` is due."""
        quiet_until = self.quiet.until(now, self.zone)
        if quiet_until is None:
            return self._next_place(key, now, self.interval)
        in_quiet_hours = self._next_place(key, now, self.quiet_factor * self.interval)
        # What was changed meanwhile is known soon after the end of the quiet hours.
        return min(in_quiet_hours, self._next_place(key, quiet_until, self.interval))

    def present(self, now: datetime) -> PollInterval:
        """Return the interval in force at `now`."""
        quiet_until = self.quiet.until(now, self.zone)
        return PollInterval(self.interval if quiet_until is None else self.quiet_factor * self.interval, quiet_until)

    def _next_place(self, key: str, after: datetime, interval: timedelta) -> datetime:
        place = interval * (zlib.crc32(key.encode()) / _HASHES) // TOGETHER * TOGETHER
        return _EPOCH + place + interval * ((after - _EPOCH - place) // interval + 1)
