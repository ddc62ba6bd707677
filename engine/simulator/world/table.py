"""What the table of people and appointments may say (corp.toml), and how a row becomes an entry of a calendar."""

from datetime import date, timedelta
from typing import Any, Literal

import msgspec

from engine.core.appointments import Sensitivity, ShowAs
from engine.simulator.world.items import CalendarItem, Correspondent, Entry, ItemKind, Response, Series
from engine.simulator.world.model import World
from engine.simulator.world.people import Person

WEEKS_BEFORE = 4
WEEKS_AFTER = 8


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The occurrence of `day` is not as its series: at another time, or cancelled by its organizer."""

    day: int
    at: str
    cancelled: bool = False


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One appointment. `at` is a local time span "09:00-10:30"; without it the row is about whole `days`.

    `day` counts from the world's own day. `repeat` makes it a series that has run for weeks, with the exceptions
    `changed` and the days of `deleted` left out.
    """

    subject: str
    at: str = ""
    day: int = 0
    days: int = 1
    show_as: ShowAs = ShowAs.BUSY
    sensitivity: Sensitivity = Sensitivity.NORMAL
    location: str = ""
    zone: str = ""
    organizer: str = ""
    response: Response = Response.UNKNOWN
    cancelled: bool = False
    repeat: Literal["", "workdays", "weekly"] = ""
    changed: tuple[Change, ...] = ()
    deleted: tuple[int, ...] = ()


class MeetingRow(Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An appointment that stands in the calendars of its organizer (a person's name) and of all `attendees`."""

    attendees: tuple[str, ...]


class PersonRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One person; the mailbox is the name at the company's domain unless the row says otherwise."""

    name: str
    display_name: str
    mailbox: str = ""
    has_mailbox: bool = True
    pbx_addresses: tuple[str, ...] = ()
    proxy_addresses: tuple[str, ...] = ()
    may_impersonate: bool = True
    calendar: tuple[Row, ...] = ()


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole company. `contacts` are those who organize without being users, display names by address."""

    domain: str
    contacts: dict[str, str]
    person: tuple[PersonRow, ...]
    meeting: tuple[MeetingRow, ...]

    def person_of(self, row: PersonRow) -> Person:
        """Return the person a row is about."""
        primary = row.mailbox or f"{row.name}@{self.domain}"
        return Person(
            name=row.name,
            display_name=row.display_name,
            mailbox=primary if row.has_mailbox else None,
            pbx_addresses=row.pbx_addresses,
            proxy_addresses=row.proxy_addresses,
            may_impersonate=row.may_impersonate,
        )

    def fill(self, world: World) -> None:
        """Put every appointment of the table into the calendars of `world`."""
        for row in self.person:
            owner = world.person(row.name)
            for number, appointment in enumerate(row.calendar):
                self._put(world, owner, f"{row.name}-{number}", appointment, appointment.response)
        for number, meeting in enumerate(self.meeting):
            for name in (meeting.organizer, *meeting.attendees):
                own = name == meeting.organizer
                response = Response.ORGANIZER if own else meeting.response
                self._put(world, world.person(name), f"meeting-{number}", meeting, response)

    def _put(self, world: World, owner: Person, key: str, row: Row, response: Response) -> None:
        if owner.mailbox is None:
            raise ValueError(f"{owner.name} has no mailbox for {key}")
        fields = {"organizer": self._organizer(world, row), "response": response}
        world.put(owner.mailbox, _entry(world, key, row, fields))

    def _organizer(self, world: World, row: Row) -> Correspondent | None:
        if not row.organizer:
            return None
        if row.organizer in self.contacts:
            return Correspondent(self.contacts[row.organizer], row.organizer)
        person = world.person(row.organizer)
        return Correspondent(person.display_name, person.mailbox or "")


def _entry(world: World, key: str, row: Row, fields: dict[str, Any]) -> Entry:
    fields |= {name: getattr(row, name) for name in ("subject", "show_as", "sensitivity", "location", "cancelled")}
    fields |= {"zone": row.zone or world.zone.key}
    if row.repeat:
        return _series(world, key, row, fields)
    if row.at:
        return world.appointment(key, row.at, day=row.day, **fields)
    return world.whole_days(key, row.days, day=row.day, **fields)


def _series(world: World, key: str, row: Row, fields: dict[str, Any]) -> Series:
    def local_date(day: int) -> date:
        return world.day + timedelta(days=day)

    def exception(change: Change) -> CalendarItem:
        changes = {"uid": key, "cancelled": change.cancelled, "kind": ItemKind.EXCEPTION}
        name = f"{key}@{local_date(change.day).isoformat()}"
        return world.appointment(name, change.at, day=change.day, **(fields | changes))

    return Series(
        first=world.appointment(key, row.at, day=row.day - 7 * WEEKS_BEFORE, **fields),
        interval=7 if row.repeat == "weekly" else 1,
        last=local_date(row.day + 7 * WEEKS_AFTER),
        workdays_only=row.repeat == "workdays",
        changed={local_date(change.day): exception(change) for change in row.changed},
        deleted=frozenset(local_date(day) for day in row.deleted),
    )
