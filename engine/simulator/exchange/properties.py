"""Calendar items as XML: the properties a reader may ask for, in the order the schema wants them (MS-OXWSMTGS)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from babel.core import get_global

from engine.core.appointments import ShowAs
from engine.simulator.exchange.item_ids import change_key, item_id
from engine.simulator.exchange.soap import NAMESPACES, T, schema_violation
from engine.simulator.exchange.xml import Element
from engine.simulator.exchange.zone_definitions import time_zone
from engine.simulator.world import CalendarItem, ItemKind

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


@cache
def windows_zone(zone: str) -> str:
    """Return the Windows id of an IANA time zone: the one named for it, else one with the same clock all year.

    Raises ValueError when Windows has no such.
    """
    main_cities = get_global("windows_zone_mapping")
    for same in (lambda city: city == zone, lambda city: _clock_over_a_year(city) == _clock_over_a_year(zone)):
        for windows, city in main_cities.items():
            if same(city):
                return str(windows)
    raise ValueError(f"Windows has no time zone for {zone}")


def _clock_over_a_year(zone: str) -> list[timedelta | None]:
    days = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(365))
    return [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _zone(name: str) -> Writer:
    def write(item: CalendarItem) -> Element:
        if item.zone_told is None:
            return T(name, Id=windows_zone(item.zone), Name=windows_zone(item.zone))
        told, year = item.zone_told, item.start.year
        return time_zone(name, told.id, told.name or told.id, told.rules, (year - 1, year, year + 1))

    return write


def _display_name_only(item: CalendarItem) -> str | Element:
    return T("Organizer", T("Mailbox", T("Name", item.organizer.name))) if item.organizer else ""


def _with_address(item: CalendarItem) -> str | Element:
    if item.organizer is None:
        return ""
    name, address = T("Name", item.organizer.name), T("EmailAddress", item.organizer.address)
    return T("Organizer", T("Mailbox", name, address, T("RoutingType", "SMTP"), T("MailboxType", "Mailbox")))


# An empty string means that this item has no such property: then there is no element either.
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
    """Which properties of an item were asked for.

    `with_address` tells whether the organizer's SMTP address is known: GetItem knows it, FindItem only the name.
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
        """Return the CalendarItem element with what was asked for, and the id, which always is there."""
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
