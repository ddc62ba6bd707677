"""Calendar items as XML: properties, ids and time zones (MS-OXWSMTGS, MS-OXWSGTZ)."""

import base64
import binascii
import zlib
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from engine.core.appointments import ShowAs
from engine.simulator.exchange.soap import NAMESPACES, Element, Refusal, T, schema_violation
from engine.simulator.windows_zones import windows_zone
from engine.simulator.world import CalendarItem, ItemKind

ITEM = b"\x00\x00\x01\x02simulated calendar folder, store and provider of the entry\x00"
FOLDER = b"\x00\x00\x01\x01simulated folder, store and provider of the entry\x00"


def item_id(mailbox: str, item: CalendarItem) -> str:
    """Return the id of an item in the mailbox with that primary address."""
    return opaque_id(ITEM, mailbox, item.key)


def change_key(item: CalendarItem) -> str:
    """Return the change key, which differs after every change of the item."""
    return base64.b64encode(zlib.crc32(repr(item).encode()).to_bytes(4, "big")).decode()


def opaque_id(kind: bytes, mailbox: str, key: str) -> str:
    """Return the opaque id for `key` in the mailbox with that primary address."""
    return base64.b64encode(kind + f"{mailbox.casefold()}\0{key}".encode()).decode()


def read_id(kind: bytes, text: str) -> tuple[str, str]:
    """Return mailbox and key. Raises Refusal if it is no id of that kind."""
    try:
        raw = base64.b64decode(text, validate=True)
        mailbox, separator, key = raw.removeprefix(kind).decode().partition("\0")
    except (binascii.Error, UnicodeDecodeError):
        raw, separator = b"", ""
    if not raw.startswith(kind) or not separator:
        raise Refusal("ErrorInvalidIdMalformed", "Id is malformed.")
    return mailbox, key


_WEEK = 7
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def time_zone(name: str, zone_id: str, zone_name: str, rules: str, years: tuple[int, ...]) -> Element:
    """Return the element `name` of a zone, with the `rules` of an IANA zone, if given, as they apply in those
    `years`."""
    element = T(name, Id=zone_id, Name=zone_name)
    if rules:
        groups = [_group(number, ZoneInfo(rules), year) for number, year in enumerate(years)]
        offsets = sorted({offset for _, used in groups for offset in used})
        element.append(T("Periods", *[_period(offset) for offset in offsets]))
        element.append(T("TransitionsGroups", *[group for group, _ in groups]))
        element.append(T("Transitions", *_between(years)))
    return element


def _between(years: tuple[int, ...]) -> Iterator[Element]:
    yield T("Transition", T("To", "0", Kind="Group"))
    for number, year in enumerate(years[1:], start=1):
        yield T(
            "AbsoluteDateTransition",
            T("To", str(number), Kind="Group"),
            T("DateTime", f"{year:04}-01-01T00:00:00"),
        )


def _group(number: int, zone: ZoneInfo, year: int) -> tuple[Element, set[timedelta]]:
    changes = list(_changes(zone, year))
    if not changes:
        offset = _offset(datetime(year, 7, 1, tzinfo=UTC), zone)
        return T("TransitionsGroup", T("Transition", _to(offset)), Id=str(number)), {offset}
    new_year = datetime(year, 1, 1, tzinfo=zone)
    if changes[-1][1] != (offset := new_year.utcoffset() or timedelta()):
        # Rules recur, so a year normally begins with the offset that it ends with. Otherwise there is a change at New
        # Year, because Windows has either two changes a year or none (DYNAMIC_TIME_ZONE_INFORMATION).
        changes.insert(0, (new_year.replace(tzinfo=None), offset))
    elements = [_recurring(local, offset) for local, offset in changes]
    return T("TransitionsGroup", *elements, Id=str(number)), {offset for _, offset in changes}


def _changes(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, timedelta]]:
    """Yield the local times (before the change) of the clock changes in that year, and the offset after each."""
    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        before, later = _offset(day, zone), _offset(day + _DAY, zone)
        if before != later:
            changed = bisect_left(range(24 * 60), True, key=lambda m: _offset(day + m * _MINUTE, zone) == later)
            yield (day + changed * _MINUTE + before).replace(tzinfo=None), later
        day += _DAY


def _recurring(local: datetime, offset: timedelta) -> Element:
    """Return a yearly transition: by the last weekday of its month if it is the last one, else the first to fourth."""
    length = monthrange(local.year, local.month)[1]
    occurrence = -1 if local.day + _WEEK > length else (local.day - 1) // _WEEK + 1
    return T(
        "RecurringDayTransition",
        _to(offset),
        T("TimeOffset", _duration(timedelta(hours=local.hour, minutes=local.minute))),
        T("Month", str(local.month)),
        T("DayOfWeek", f"{local:%A}"),
        T("Occurrence", str(occurrence)),
    )


def _period(offset: timedelta) -> Element:
    return T("Period", Bias=_duration(-offset), Name=_id(offset), Id=_id(offset))


def _to(offset: timedelta) -> Element:
    return T("To", _id(offset), Kind="Period")


def _id(offset: timedelta) -> str:
    return f"trule:UTC{_duration(offset)}"


def _duration(length: timedelta) -> str:
    hours, minutes = divmod(abs(length) // timedelta(minutes=1), 60)
    return f"{'-' if length < timedelta() else ''}PT{hours}H{minutes}M"


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


Writer: TypeAlias = Callable[[CalendarItem], str | Element]

FREE_BUSY = {
    ShowAs.FREE: "Free",
    ShowAs.TENTATIVE: "Tentative",
    ShowAs.BUSY: "Busy",
    ShowAs.OOF: "OOF",
    ShowAs.WORKING_ELSEWHERE: "WorkingElsewhere",
    ShowAs.NO_DATA: "NoData",
}


def utc(instant: datetime) -> str:
    """Return an aware instant as Exchange writes it: UTC, whole seconds, Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _zone(name: str) -> Writer:
    def write(item: CalendarItem) -> Element:
        if item.stated_zone is None:
            return T(name, Id=windows_zone(item.zone), Name=windows_zone(item.zone))
        stated, year = item.stated_zone, item.start.year
        return time_zone(name, stated.id, stated.name or stated.id, stated.rules, (year - 1, year, year + 1))

    return write


def _display_name_only(item: CalendarItem) -> str | Element:
    return T("Organizer", T("Mailbox", T("Name", item.organizer.name))) if item.organizer else ""


def _with_address(item: CalendarItem) -> str | Element:
    if item.organizer is None:
        return ""
    name, address = T("Name", item.organizer.name), T("EmailAddress", item.organizer.address)
    return T("Organizer", T("Mailbox", name, address, T("RoutingType", "SMTP"), T("MailboxType", "Mailbox")))


# An empty string means that the item lacks this property, so there is no element.
PROPERTIES: Mapping[str, Writer] = {
    "item:ItemClass": lambda item: "IPM.Appointment",
    "item:Subject": lambda item: item.subject,
    "item:Sensitivity": lambda item: item.sensitivity.value.title(),
    "item:HasAttachments": lambda item: "false",
    "item:LastModifiedTime": lambda item: utc(item.modified),
    "calendar:UID": lambda item: item.uid,
    "calendar:Start": lambda item: utc(item.start),
    "calendar:End": lambda item: utc(item.end),
    "calendar:IsAllDayEvent": lambda item: _boolean(item.all_day),
    "calendar:LegacyFreeBusyStatus": lambda item: FREE_BUSY[item.show_as],
    "calendar:Location": lambda item: item.location,
    "calendar:IsMeeting": lambda item: _boolean(item.organizer is not None),
    "calendar:IsCancelled": lambda item: _boolean(item.cancelled),
    "calendar:IsRecurring": lambda item: _boolean(item.kind is not ItemKind.SINGLE),
    "calendar:CalendarItemType": lambda item: item.kind.value,
    "calendar:MyResponseType": lambda item: item.response.value,
    "calendar:Organizer": _display_name_only,
    "calendar:StartTimeZone": _zone("StartTimeZone"),
    "calendar:EndTimeZone": _zone("EndTimeZone"),
    "calendar:StartTimeZoneId": lambda item: windows_zone(item.zone),
    "calendar:EndTimeZoneId": lambda item: windows_zone(item.zone),
}

DEFAULT_SHAPE = frozenset(
    {
        "item:Subject",
        "item:HasAttachments",
        "calendar:Start",
        "calendar:End",
        "calendar:LegacyFreeBusyStatus",
        "calendar:Location",
        "calendar:Organizer",
    }
)
SHAPES = {"IdOnly": frozenset[str](), "Default": DEFAULT_SHAPE, "AllProperties": frozenset(PROPERTIES)}
NOT_IN_FIND_ITEM = frozenset(
    {"item:Body", "item:UniqueBody", "item:NormalizedBody", "item:TextBody", "item:Attachments", "item:MimeContent"}
    | {"calendar:RequiredAttendees", "calendar:OptionalAttendees", "calendar:Resources", "calendar:Recurrence"}
)


class Shape:
    """The requested properties of an item.

    `with_address` includes the SMTP address of the organizer: GetItem returns it, FindItem only the name.
    """

    def __init__(self, request: Element, *, with_address: bool) -> None:
        base = SHAPES.get(request.findtext("m:ItemShape/t:BaseShape", "", NAMESPACES))
        if base is None:
            raise schema_violation("there is no ItemShape with a BaseShape that is known")
        fields = request.findall("m:ItemShape/t:AdditionalProperties/t:FieldURI", NAMESPACES)
        self.asked = {field.get("FieldURI", "") for field in fields}
        names = base | self.asked
        writers = {**PROPERTIES, "calendar:Organizer": _with_address} if with_address else PROPERTIES
        self._writers = [(name, write) for name, write in writers.items() if name in names]

    def element(self, mailbox: str, item: CalendarItem) -> Element:
        """Return the CalendarItem element with the requested properties and the id, which is always included."""
        element = T("CalendarItem", T("ItemId", Id=item_id(mailbox, item), ChangeKey=change_key(item)))
        for uri, write in self._writers:
            value = item.told[uri] or "" if uri in item.told else write(item)
            name = uri.partition(":")[2]
            if isinstance(value, str):
                if value:
                    T.add(element, name, value)
            else:
                element.append(value)
        return element
