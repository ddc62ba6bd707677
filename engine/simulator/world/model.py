"""The world itself: people, the calendars of their mailboxes, and the means to change them while it runs."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from engine.core.appointments import Appointment
from engine.simulator.world.items import CalendarItem, Entry, Response, Series
from engine.simulator.world.people import Person


class Edit(Enum):
    """What happened to an entry of a calendar."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


Listener: TypeAlias = Callable[[str, Edit, Entry], None]
"""Called with the mailbox (in lower case), what happened, and the entry."""


class World:
    """People and their calendars, empty at first, around one `day` of the time zone `zone`.

    Mailboxes and addresses are compared regardless of case. Entries may be put in and taken out at any time; every
    other part stays as it was built.
    """

    def __init__(self, day: date, zone: ZoneInfo, people: Iterable[Person]) -> None:
        self.day = day
        self.zone = zone
        self.people = tuple(people)
        self._owners: dict[str, Person] = {}
        self._calendars: dict[str, dict[str, Entry]] = {}
        self._listeners: list[Listener] = []
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

    def owner(self, address: str) -> Person | None:
        """Return who gets mail at `address`, primary or proxy, or None."""
        return self._owners.get(address.casefold())

    def occurrences(self, mailbox: str, start: datetime, end: datetime) -> list[CalendarItem]:
        """Return what is in the view [start, end) of the calendar, series expanded, in order of start.

        Raises KeyError if `mailbox` is nobody's primary address.
        """
        entries = self._calendars[mailbox.casefold()].values()
        found = [item for entry in entries for item in entry.occurrences(start, end)]
        return sorted(found, key=lambda item: (item.start, item.end, item.key))

    def as_appointments(self, mailbox: str, start: datetime, end: datetime) -> tuple[Appointment, ...]:
        """Return the truth a calendar source has to arrive at for that window: declined meetings are left out."""
        items = self.occurrences(mailbox, start, end)
        return tuple(item.as_appointment() for item in items if item.response is not Response.DECLINE)

    def item(self, mailbox: str, key: str) -> CalendarItem | None:
        """Return the item, occurrence or exception of that key, or None when it is not (or no longer) there."""
        calendar = self._calendars.get(mailbox.casefold(), {})
        entry = calendar.get(key) or calendar.get(key.partition("@")[0])
        return entry.find(key) if isinstance(entry, Series) else entry

    def listen(self, listener: Listener) -> None:
        """Have `listener` called after every edit of a calendar."""
        self._listeners.append(listener)

    def put(self, mailbox: str, entry: Entry) -> None:
        """Add an entry to a calendar, in place of the one with the same key if there is one."""
        calendar = self._calendars[mailbox.casefold()]
        edit = Edit.CHANGED if entry.key in calendar else Edit.ADDED
        calendar[entry.key] = entry
        self._tell(mailbox, edit, entry)

    def remove(self, mailbox: str, key: str) -> None:
        """Take an item or a whole series out of a calendar. Raises KeyError if it is not there."""
        self._tell(mailbox, Edit.REMOVED, self._calendars[mailbox.casefold()].pop(key))

    def clear(self, mailbox: str) -> None:
        """Empty a calendar."""
        for key in list(self._calendars[mailbox.casefold()]):
            self.remove(mailbox, key)

    def entries(self, mailbox: str) -> list[Entry]:
        """Return what a calendar holds, series as one entry each."""
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
