"""What a mailbox's calendar folder holds: single items, and series that expand into occurrences."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from engine.core.appointments import Appointment, Sensitivity, ShowAs

ONE_DAY = timedelta(days=1)
SATURDAY = 5


class ItemKind(Enum):
    """What an item is to its series; the values are EWS CalendarItemType."""

    SINGLE = "Single"
    OCCURRENCE = "Occurrence"
    EXCEPTION = "Exception"
    RECURRING_MASTER = "RecurringMaster"


class Response(Enum):
    """How the owner of the calendar answered the invitation; the values are EWS ResponseTypeType."""

    UNKNOWN = "Unknown"
    ORGANIZER = "Organizer"
    TENTATIVE = "Tentative"
    ACCEPT = "Accept"
    DECLINE = "Decline"
    NO_RESPONSE = "NoResponseReceived"


class Correspondent(msgspec.Struct, frozen=True):
    """Somebody with a display name and an SMTP address."""

    name: str
    address: str


class ZoneTold(msgspec.Struct, frozen=True):
    """A time zone as the program that made an item wrote it: any id and name, and `rules` of an IANA zone or none."""

    id: str
    name: str = ""
    rules: str = ""


class CalendarItem(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One item of one calendar, or one occurrence of a series.

    `key` names it within its calendar. `start` and `end` are aware UTC instants; an all-day item lasts from local
    midnight to local midnight of `zone` (IANA), the time zone it was made in. `organizer` is None for an appointment
    nobody else was invited to. `uid` ties together what belongs to one meeting or series.

    A server may tell it otherwise than it is: `zone_told` in place of `zone`, `told` in place of any other property by
    its FieldURI (None: not at all), GetItem answers it with the code `get_item_error`, and FindItem
    whatever it is among with `find_item_error`.
    """

    key: str
    uid: str
    start: datetime
    end: datetime
    modified: datetime
    zone: str
    subject: str = ""
    location: str = ""
    show_as: ShowAs = ShowAs.BUSY
    sensitivity: Sensitivity = Sensitivity.NORMAL
    all_day: bool = False
    organizer: Correspondent | None = None
    response: Response = Response.UNKNOWN
    cancelled: bool = False
    kind: ItemKind = ItemKind.SINGLE
    zone_told: ZoneTold | None = None
    told: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    get_item_error: str = ""
    find_item_error: str = ""

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Tell whether it is in the view [start, end): it ends after `start` and begins before `end`."""
        return self.end > start and self.start < end

    def occurrences(self, start: datetime, end: datetime) -> Iterator["CalendarItem"]:
        """Yield the item itself if it is in the view."""
        if self.overlaps(start, end):
            yield self

    def as_appointment(self) -> Appointment:
        """Return what a reader who was told everything would make of it."""
        return Appointment(
            id=self.key,
            start=self.start,
            end=self.end,
            subject=self.subject,
            show_as=self.show_as,
            sensitivity=self.sensitivity,
            all_day=self.all_day,
            zone=self.zone,
            organizer=self.organizer.address if self.organizer else None,
            cancelled=self.cancelled,
        )


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A recurring item: `first`, and the same wall-clock time every `interval` days up to `last`, both included.

    `changed` holds the exceptions by the local date they would have been on, `deleted` the dates that fall out. The
    occurrence of a date has the key `<key of the series>@<date>`, and so should an exception.
    """

    first: CalendarItem
    interval: int
    last: date
    workdays_only: bool = False
    changed: Mapping[date, CalendarItem] = msgspec.field(default_factory=dict)
    deleted: frozenset[date] = frozenset()

    @property
    def master(self) -> CalendarItem:
        """The item that holds the recurrence, which no view shows that expands it."""
        return msgspec.structs.replace(self.first, kind=ItemKind.RECURRING_MASTER)

    @property
    def key(self) -> str:
        """The name of the series within its calendar."""
        return self.first.key

    def occurrences(self, start: datetime, end: datetime) -> Iterator[CalendarItem]:
        """Yield the occurrences and exceptions in the view [start, end), aware instants, in no particular order."""
        zone = ZoneInfo(self.first.zone)
        day = max(self._first_day, start.astimezone(zone).date() - (self.first.end - self.first.start) - ONE_DAY)
        last = min(self.last, end.astimezone(zone).date())
        while day <= last:
            if self._recurs_on(day) and (occurrence := self.occurrence_on(day)).overlaps(start, end):
                yield occurrence
            day += ONE_DAY
        yield from (item for item in self.changed.values() if item.overlaps(start, end))

    def occurrence_on(self, day: date) -> CalendarItem:
        """Return the plain occurrence of that local date: the clock on the wall recurs, not the distance in hours."""
        zone = ZoneInfo(self.first.zone)
        shift = day - self._first_day
        return msgspec.structs.replace(
            self.first,
            key=f"{self.key}@{day.isoformat()}",
            start=_later(self.first.start, shift, zone),
            end=_later(self.first.end, shift, zone),
            kind=ItemKind.OCCURRENCE,
        )

    def find(self, key: str) -> CalendarItem | None:
        """Return the occurrence or exception of that key, None when the series has no such."""
        changed = next((item for item in self.changed.values() if item.key == key), None)
        if changed is not None:
            return changed
        try:
            day = date.fromisoformat(key.rpartition("@")[2])
        except ValueError:
            return None
        in_range = self._first_day <= day <= self.last
        return self.occurrence_on(day) if in_range and self._recurs_on(day) else None

    @property
    def _first_day(self) -> date:
        return self.first.start.astimezone(ZoneInfo(self.first.zone)).date()

    def _recurs_on(self, day: date) -> bool:
        if day in self.deleted or day in self.changed or (self.workdays_only and day.weekday() >= SATURDAY):
            return False
        return (day - self._first_day).days % self.interval == 0


Entry: TypeAlias = CalendarItem | Series


def _later(instant: datetime, shift: timedelta, zone: ZoneInfo) -> datetime:
    local = instant.astimezone(zone)
    return (local + shift).astimezone(instant.tzinfo)
