"""Free/busy times of up to 20 addresses in one request: getSchedule.

https://learn.microsoft.com/graph/api/calendar-getschedule
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from engine.core import bounded
from engine.core.appointments import Appointment, Oddity, ShowAs
from engine.exchange.errors import (
    CalendarNotReadable,
    CalendarTooFull,
    ExchangeFailure,
    MailboxNotFound,
    MailboxTrouble,
    NotUnderstood,
)
from engine.exchange.graph.times import SHOW_AS, DateTimeTimeZone
from engine.exchange.source import Window
from engine.exchange.zone_names import iana_zone

Schedule: TypeAlias = tuple[Appointment, ...] | ExchangeFailure
"""The times of one address, or why there are none."""

# Names and numbers of the availability service of Exchange.
_MEANINGS: Mapping[str, type[ExchangeFailure]] = MappingProxyType(
    {
        "5009": MailboxNotFound,
        "errormailrecipientnotfound": MailboxNotFound,
        "errorinvalidsmtpaddress": MailboxNotFound,
        "5006": CalendarTooFull,
        "errorresultsettoobig": CalendarTooFull,
        "errornofreebusyaccess": CalendarNotReadable,
    }
)
_LONGEST_CODE = 60


class _Error(msgspec.Struct, frozen=True, rename="camel"):
    response_code: str | int | None = None


class _Item(msgspec.Struct, frozen=True, gc=False):
    status: str | None = None
    start: DateTimeTimeZone | None = None
    end: DateTimeTimeZone | None = None


class _Schedule(msgspec.Struct, frozen=True, rename="camel"):
    schedule_id: str = ""
    schedule_items: list[msgspec.Raw] | None = None
    error: _Error | None = None


class _Zone(msgspec.Struct, frozen=True):
    name: str | None = None


class _WorkingHours(msgspec.Struct, frozen=True, rename="camel"):
    time_zone: _Zone | None = None


class _WithHours(msgspec.Struct, frozen=True, rename="camel"):
    schedule_id: str = ""
    working_hours: _WorkingHours | None = None


class _Answer(msgspec.Struct):
    value: list[msgspec.Raw]


def schedules(body: bytes, addresses: Sequence[str], window: Window) -> dict[str, Schedule]:
    """Return what the answer to getSchedule says of each address, within `window`.

    An event with invalid times is returned with an oddity and does not affect the presence. An address without an
    answer is in trouble that may pass. Raises `NotUnderstood` if the body is no such answer.
    """
    try:
        answers = bounded.json(body, _Answer).value
    except bounded.NotReadable as error:
        raise NotUnderstood(f"the answer to getSchedule: {error}") from None
    asked = {address.casefold(): address for address in addresses}
    found: dict[str, Schedule] = {}
    for raw in answers:
        try:
            schedule = bounded.json(bytes(raw), _Schedule)
        except bounded.NotReadable:
            continue
        address = asked.get(schedule.schedule_id.casefold())
        if address is not None:
            found.setdefault(address, _meaning(schedule, address, window))
    missing = {address for address in addresses if address not in found}
    return found | {address: MailboxTrouble(f"getSchedule says nothing of {address}") for address in missing}


def zones_of(body: bytes, addresses: Sequence[str]) -> dict[str, str]:
    """Return the IANA names of the time zones of working hours that the answer to getSchedule tells, by address."""
    try:
        answers = bounded.json(body, _Answer).value
    except bounded.NotReadable as error:
        raise NotUnderstood(f"the answer to getSchedule: {error}") from None
    asked = {address.casefold(): address for address in addresses}
    found: dict[str, str] = {}
    for raw in answers:
        with contextlib.suppress(bounded.NotReadable):
            hours = bounded.json(bytes(raw), _WithHours)
            zone = hours.working_hours.time_zone if hours.working_hours is not None else None
            name = iana_zone(zone.name) if zone is not None and zone.name else None
            if name is not None and (address := asked.get(hours.schedule_id.casefold())) is not None:
                found[address] = name
    return found


def meaning_of_schedule(code: str) -> type[ExchangeFailure]:
    """Return the failure that the response code of one schedule means."""
    return _MEANINGS.get(code.casefold(), MailboxTrouble)


def _meaning(schedule: _Schedule, address: str, window: Window) -> Schedule:
    if schedule.error is not None:
        code = str(schedule.error.response_code)[:_LONGEST_CODE]
        return meaning_of_schedule(code)(f"{address}: {code}")
    if schedule.schedule_items is None:
        return CalendarNotReadable(f"Graph returns no free/busy times of {address}")
    return tuple(_appointments(schedule.schedule_items, window))


def _appointments(items: Sequence[msgspec.Raw], window: Window) -> Iterator[Appointment]:
    for number, raw in enumerate(items):
        try:
            item = bounded.json(bytes(raw), _Item)
        except bounded.NotReadable:
            item = _Item()
        start = item.start.instant() if item.start is not None else None
        end = item.end.instant() if item.end is not None else None
        oddities = [] if item.status in SHOW_AS else [Oddity.UNKNOWN_SHOW_AS]
        if start is None or end is None:
            start = end = start or end or window.start
            oddities.append(Oddity.NOT_UNDERSTOOD)
        elif end <= window.start or start >= window.end:
            continue
        # Items have no id; their position in the answer distinguishes two at the same time.
        key = f"{start.isoformat()} {end.isoformat()} {item.status} {number}"
        yield Appointment(
            id=blake2b(key.encode(), digest_size=6).hexdigest(),
            start=start,
            end=end,
            show_as=SHOW_AS.get(item.status or "", ShowAs.NO_DATA),
            may_be_whole_days=True,
            oddities=tuple(oddities),
        )
