"""The simulated world: people, mailboxes, calendar items, and changes while it runs."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from engine.core.appointments import Appointment, Sensitivity, ShowAs

ONE_DAY = timedelta(days=1)
SATURDAY = 5


class ItemKind(Enum):
    """Relation of an item to its series; the values are EWS CalendarItemType."""

    SINGLE = "Single"
    OCCURRENCE = "Occurrence"
    EXCEPTION = "Exception"
    RECURRING_MASTER = "RecurringMaster"


class Response(Enum):
    """Response of the calendar's owner to the invitation; the values are EWS ResponseTypeType."""

    UNKNOWN = "Unknown"
    ORGANIZER = "Organizer"
    TENTATIVE = "Tentative"
    ACCEPT = "Accept"
    DECLINE = "Decline"
    NO_RESPONSE = "NoResponseReceived"


class Correspondent(msgspec.Struct, frozen=True):
    """A person or resource with a display name and an SMTP address."""

    name: str
    address: str


class StatedZone(msgspec.Struct, frozen=True):
    """The time zone that the creating program stated: any id and name, and the `rules` of an IANA zone or none."""

    id: str
    name: str = ""
    rules: str = ""


class CalendarItem(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One item of one calendar, or one occurrence of a series.

    `key` identifies it within its calendar. `start` and `end` are aware UTC instants; an all-day item lasts from local
    midnight to local midnight of `zone` (IANA), the time zone it was created in. `organizer` is None for an appointment
    without invitations. `uid` is the same for all items of one meeting or series.

    A server may misrepresent it: it returns `stated_zone` instead of `zone`, and `told` instead of other properties, by
    FieldURI (None: left out). GetItem fails for it with the code `get_item_error`, FindItem for every view that
    contains
    it with `find_item_error`.
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
    stated_zone: StatedZone | None = None
    told: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    get_item_error: str = ""
    find_item_error: str = ""

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Return whether it is in the view [start, end): it ends after `start` and starts before `end`."""
        return self.end > start and self.start < end

    def occurrences(self, start: datetime, end: datetime) -> Iterator["CalendarItem"]:
        """Yield the item itself if it is in the view."""
        if self.overlaps(start, end):
            yield self

    def as_appointment(self) -> Appointment:
        """Return the appointment that a reader with full access would read."""
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

    `changed` are the exceptions by their original local date, `deleted` the dates without an occurrence. The occurrence
    of a date has the key `<key of the series>@<date>`, and so should an exception.
    """

    first: CalendarItem
    interval: int
    last: date
    workdays_only: bool = False
    changed: Mapping[date, CalendarItem] = msgspec.field(default_factory=dict)
    deleted: frozenset[date] = frozenset()

    @property
    def master(self) -> CalendarItem:
        """The recurring master, which expanded views do not contain."""
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
        """Return the regular occurrence on that local date, at the same local time as the others."""
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
        """Return the occurrence or exception with that key, None if there is none."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person: a user object of the PBX and usually a mailbox.

    `name` is the h323 name, `pbx_addresses` the e-mail entries of the user object. `mailbox` is the primary SMTP
    address, None without a mailbox; `proxy_addresses` are its secondary addresses, and others with a prefix ("sip:…",
    "X500:…"). `mailbox_type` is its type in the directory. `free_busy_refusal` is the response code of free/busy
    requests for the mailbox, "" for none. `may_impersonate` is whether the mailbox is in the scope of the service
    account's role, `shares_free_busy` whether everybody may see its free/busy times, as is usual. `zone` is the time
    zone of the mailbox, "" for that of the world.
    """

    name: str
    display_name: str
    mailbox: str | None
    pbx_addresses: tuple[str, ...] = ()
    proxy_addresses: tuple[str, ...] = ()
    may_impersonate: bool = True
    shares_free_busy: bool = True
    mailbox_type: str = "Mailbox"
    free_busy_refusal: str = ""
    zone: str = ""

    @property
    def guid(self) -> str:
        """The user object's guid: 32 hexadecimal digits, the same in every run."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.users.corp.example").hex


class Edit(Enum):
    """A change of a calendar entry."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


Listener: TypeAlias = Callable[[str, Edit, Entry], None]
"""Called with the mailbox (in lower case), what happened, and the entry."""


class World:
    """People and their calendars, empty at first, around one `day` of the time zone `zone`.

    Mailboxes and addresses are compared ignoring case. Entries may be added and removed at any time; everything else
    stays unchanged.
    """

    def __init__(self, day: date, zone: ZoneInfo, people: Iterable[Person]) -> None:
        self.day = day
        self.zone = zone
        self.people = tuple(people)
        self._owners: dict[str, Person] = {}
        self._calendars: dict[str, dict[str, Entry]] = {}
        self._listeners: list[Listener] = []
        self._outside = {person.name for person in self.people if not person.may_impersonate}
        for person in self.people:
            if person.mailbox is not None:
                self._owners |= {address.casefold(): person for address in (person.mailbox, *person.proxy_addresses)}
                self._calendars[person.mailbox.casefold()] = {}

    def person(self, name: str) -> Person:
        """Return the person of that PBX user name. Raises KeyError."""
        for person in self.people:
            if person.name == name:
                return person
        raise KeyError(name)

    def in_scope(self, person: Person) -> bool:
        """Return whether the mailbox of a person is in the scope of the service account."""
        return person.name not in self._outside

    def take_out_of_scope(self, *people: Person) -> None:
        """Take mailboxes out of the scope of the service account."""
        self._outside |= {person.name for person in people}

    def put_into_scope(self, *people: Person) -> None:
        """Put mailboxes into the scope of the service account."""
        self._outside -= {person.name for person in people}

    def owner(self, address: str) -> Person | None:
        """Return the person with the address `address`, primary or proxy, or None."""
        return self._owners.get(address.casefold())

    def occurrences(self, mailbox: str, start: datetime, end: datetime) -> list[CalendarItem]:
        """Return the items in the view [start, end) of the calendar, series expanded, in order of start.

        Raises KeyError if `mailbox` is nobody's primary address.
        """
        entries = self._calendars[mailbox.casefold()].values()
        found = [item for entry in entries for item in entry.occurrences(start, end)]
        return sorted(found, key=lambda item: (item.start, item.end, item.key))

    def as_appointments(self, mailbox: str, start: datetime, end: datetime) -> tuple[Appointment, ...]:
        """Return the appointments that a calendar source should return for that window, without declined meetings."""
        items = self.occurrences(mailbox, start, end)
        return tuple(item.as_appointment() for item in items if item.response is not Response.DECLINE)

    def item(self, mailbox: str, key: str) -> CalendarItem | None:
        """Return the item, occurrence or exception with that key, None if it does not exist."""
        calendar = self._calendars.get(mailbox.casefold(), {})
        entry = calendar.get(key) or calendar.get(key.partition("@")[0])
        return entry.find(key) if isinstance(entry, Series) else entry

    def listen(self, listener: Listener) -> None:
        """Call `listener` after every edit of a calendar."""
        self._listeners.append(listener)

    def put(self, mailbox: str, entry: Entry) -> None:
        """Add an entry to a calendar, replacing one with the same key."""
        calendar = self._calendars[mailbox.casefold()]
        edit = Edit.CHANGED if entry.key in calendar else Edit.ADDED
        calendar[entry.key] = entry
        self._tell(mailbox, edit, entry)

    def remove(self, mailbox: str, key: str) -> None:
        """Remove an item or a whole series from a calendar. Raises KeyError if it does not exist."""
        self._tell(mailbox, Edit.REMOVED, self._calendars[mailbox.casefold()].pop(key))

    def clear(self, mailbox: str) -> None:
        """Empty a calendar."""
        for key in list(self._calendars[mailbox.casefold()]):
            self.remove(mailbox, key)

    def entries(self, mailbox: str) -> list[Entry]:
        """Return the entries of a calendar, each series as one entry."""
        return list(self._calendars[mailbox.casefold()].values())

    def instant(self, clock: str, day: int = 0) -> datetime:
        """Return the instant (UTC) of a local time such as "09:30", `day` days after the world's own day."""
        local = datetime.combine(self.day + timedelta(days=day), time.fromisoformat(clock), self.zone)
        return local.astimezone(UTC)

    def appointment(self, key: str, at: str, *, day: int = 0, **fields: Any) -> CalendarItem:
        """Return a single item named `key` at local times such as "09:00-10:30"; `fields` are those of CalendarItem.

        An end that is not after the start is on the following day.
        """
        begin, _, finish = at.partition("-")
        start = self.instant(begin, day)
        end = self.instant(finish, day)
        return self._item(key, start, end if end > start else self.instant(finish, day + 1), fields)

    def whole_days(self, key: str, days: int = 1, *, day: int = 0, **fields: Any) -> CalendarItem:
        """Return an all-day item of that many `days`, from local midnight to local midnight of its `zone`."""
        zone = ZoneInfo(fields.setdefault("zone", self.zone.key))
        first = datetime.combine(self.day + timedelta(days=day), time(), zone)
        end = (first + timedelta(days=days)).astimezone(UTC)
        return self._item(key, first.astimezone(UTC), end, {"all_day": True} | fields)

    def _tell(self, mailbox: str, edit: Edit, entry: Entry) -> None:
        for listener in self._listeners:
            listener(mailbox.casefold(), edit, entry)

    def _item(self, key: str, start: datetime, end: datetime, fields: dict[str, Any]) -> CalendarItem:
        values: dict[str, Any] = {"key": key, "uid": key, "start": start, "end": end, "zone": self.zone.key}
        values["modified"] = self.instant("12:00", -3)
        return CalendarItem(**(values | fields))
