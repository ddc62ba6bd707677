"""Quiet hours: times of day and days of the week when calendars hardly change."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.core.time_zones import local_time

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)")
_ONE_DAY = timedelta(days=1)
_FEWEST_LETTERS = 3
_LOOKED_AHEAD = 8
"""Days after which everything has come round again."""


def canonical(entry: str) -> str | None:
    """Return an entry as it is written out, "20:00-06:00" or "saturday", None if it is neither.

    A day may be cut to three letters. A span that ends before it begins ends on the next day.
    """
    word = entry.strip().casefold()
    if len(word) >= _FEWEST_LETTERS and (day := next((each for each in DAYS if each.startswith(word)), None)):
        return day
    numbers = [int(each) for each in match.groups()] if (match := _SPAN.fullmatch(word.replace(" ", ""))) else []
    try:
        begins, ends = (time(hour % 24, minute) for hour, minute in (numbers[:2], numbers[2:]))
    except ValueError:
        return None
    if begins == ends or any(hour > 24 or (hour == 24 and minute) for hour, minute in (numbers[:2], numbers[2:])):
        return None
    return f"{begins:%H:%M}-{ends:%H:%M}"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Spans of every day and whole days of the week (Monday is 0), as local time of a zone."""

    spans: tuple[tuple[time, time], ...] = ()
    days: frozenset[int] = frozenset()

    @classmethod
    def of(cls, entries: tuple[str, ...]) -> "QuietHours":
        """Return the quiet hours of canonical entries."""
        spans = [entry.split("-") for entry in entries if "-" in entry]
        return cls(
            tuple((time.fromisoformat(begins), time.fromisoformat(ends)) for begins, ends in spans),
            frozenset(DAYS.index(entry) for entry in entries if entry in DAYS),
        )

    def until(self, instant: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when the quiet hours that `instant` is in are over, None if it is in none.

        If they are never over, that is the end of the next eight days.
        """
        local = local_time(instant, zone)
        if not self._include(local):
            return None
        last = instant
        for boundary in self._boundaries(local.date()):
            begins = boundary.replace(tzinfo=zone).astimezone(UTC)
            if begins <= instant:
                continue
            if not self._include(boundary):
                return begins
            last = begins
        return last

    def _include(self, local: datetime) -> bool:
        if local.weekday() in self.days:
            return True
        now = local.time()
        return any(
            begins <= now < ends if begins < ends else now >= begins or now < ends for begins, ends in self.spans
        )

    def _boundaries(self, today: date) -> Iterator[datetime]:
        """Yield in order the local times at which something may begin or end, from the start of `today`."""
        times = sorted({time(), *(each for span in self.spans for each in span)})
        for number in range(_LOOKED_AHEAD + 1):
            for each in times:
                yield datetime.combine(today + number * _ONE_DAY, each)
