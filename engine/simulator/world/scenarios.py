"""Scenarios: corp.example from its table, generated companies of any size, and edits for the demo."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from importlib.resources import files
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from engine.core.appointments import Sensitivity, ShowAs
from engine.core.clock import Clock
from engine.simulator.world.world import CalendarItem, Correspondent, Entry, ItemKind, Person, Response, Series, World

WEEKS_BEFORE = 4
WEEKS_AFTER = 8


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An exception of a series on `day`: at a different time, or cancelled by its organizer."""

    day: int
    at: str
    cancelled: bool = False


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One appointment. `at` is a local time span "09:00-10:30"; without it the appointment lasts whole `days`.

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
    """An appointment in the calendars of its organizer (a person's name) and of all `attendees`."""

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
    """A whole company. `contacts` are organizers who are not users, display names by address."""

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
        """Add every appointment of the table to the calendars of `world`."""
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


BERLIN = ZoneInfo("Europe/Berlin")


def corp_world(day: date, zone: ZoneInfo = BERLIN) -> World:
    """Return corp.example around `day`, the same for the same arguments.

    Appointments are at local times of `zone`. Those that recur on workdays are missing if `day` is not one.
    """
    table = msgspec.toml.decode(files(__package__).joinpath("corp.toml").read_bytes(), type=Table)
    world = World(day, zone, [table.person_of(row) for row in table.person])
    table.fill(world)
    return world


FIRST_QUARTER = 7 * 4
QUARTERS_PER_DAY = 11 * 4
SHOWN_AS = (ShowAs.BUSY, ShowAs.BUSY, ShowAs.BUSY, ShowAs.TENTATIVE, ShowAs.OOF, ShowAs.WORKING_ELSEWHERE, ShowAs.FREE)


def generate(people: int, appointments: int, day: date, zone: ZoneInfo, domain: str = "corp.example") -> World:
    """Return a world of that many people, each with that many appointments of half an hour on the days from `day` on.

    A day has room for 22 of them; the rest follow on later days. Odd and even people differ by a quarter of an hour.
    The same arguments always give the same world.
    """
    owners = [_person(number, domain) for number in range(people)]
    world = World(day, zone, owners)
    patterns = [[_appointment(world, index, offset) for index in range(appointments)] for offset in (0, 1)]
    for number, owner in enumerate(owners):
        organizer = Correspondent(owner.display_name, f"{owner.name}@{domain}")
        for index, pattern in enumerate(patterns[number % 2]):
            show_as = SHOWN_AS[(number + index) % len(SHOWN_AS)]
            item = replace(pattern, uid=f"{owner.name}-{index}", show_as=show_as, organizer=organizer)
            world.put(organizer.address, item)
    return world


def _person(number: int, domain: str) -> Person:
    name = f"user{number:05}"
    return Person(name=name, display_name=f"Ürsula Nº {number}", mailbox=f"{name}@{domain}")


def _appointment(world: World, index: int, offset: int) -> CalendarItem:
    day, quarter = divmod(index * 2, QUARTERS_PER_DAY)
    begin = FIRST_QUARTER + quarter + offset
    span = f"{_clock(begin)}-{_clock(begin + 2)}"
    return world.appointment(f"a{index}", span, day=day, subject=f"Besprechung {index} – Grüße aus Köln 🎉")


def _clock(quarters: int) -> str:
    return f"{quarters // 4:02}:{quarters % 4 * 15:02}"


EXTENDED, CANCELLED, AD_HOC = "09:15", "09:30", "10:05"


async def surprises(world: World, clock: Clock) -> AsyncIterator[str]:
    """Edit the calendars of the corp world at given times of its day, and yield a description of each edit."""
    await clock.sleep_until(world.instant(EXTENDED))
    for person, item in _holders(world, "Rücksprache Budget"):
        world.put(person.mailbox or "", replace(item, end=world.instant("09:40")))
        yield f'{person.display_name}: "{item.subject}" takes ten minutes longer'

    await clock.sleep_until(world.instant(CANCELLED))
    subject = "Vertriebsrunde Österreich & Schweiz <Q4>"
    for person, item in list(_holders(world, subject)):
        world.remove(person.mailbox or "", item.key)
    yield f'"{subject}" is cancelled'

    await clock.sleep_until(world.instant(AD_HOC))
    person = world.person("zoe.vandijk")
    world.put(person.mailbox or "", world.appointment("ad hoc", "10:00-10:45", subject="Kunde Nord ruft an"))
    yield f"{person.display_name}: a new appointment at short notice"


def _holders(world: World, subject: str) -> Iterator[tuple[Person, CalendarItem]]:
    for person in world.people:
        for entry in world.entries(person.mailbox) if person.mailbox else ():
            if isinstance(entry, CalendarItem) and entry.subject == subject:
                yield person, entry
