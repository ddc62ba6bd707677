"""Reads one calendar window: FindItem with CalendarView, which lets the server expand recurrences (MS-OXWSSRCH)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TypeAlias

from engine.core.appointments import Appointment, Sensitivity, ShowAs
from engine.exchange.ews.safe_xml import Element
from engine.exchange.ews.soap import MESSAGES, TYPES
from engine.exchange.ews.zone_definition import zone_definition
from engine.exchange.ews.zones import iana_zone
from engine.exchange.failures import NotUnderstood
from engine.exchange.source import Window

_SHOW_AS = {
    "Free": ShowAs.FREE,
    "Tentative": ShowAs.TENTATIVE,
    "Busy": ShowAs.BUSY,
    "OOF": ShowAs.OOF,
    "WorkingElsewhere": ShowAs.WORKING_ELSEWHERE,
    "NoData": ShowAs.NO_DATA,
}
_SENSITIVITY = {
    "Normal": Sensitivity.NORMAL,
    "Personal": Sensitivity.PERSONAL,
    "Private": Sensitivity.PRIVATE,
    "Confidential": Sensitivity.CONFIDENTIAL,
}

_SUBJECT_FIELD = b'<t:FieldURI FieldURI="item:Subject"/>'
_REQUEST = (
    b'<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>%b'
    b'<t:FieldURI FieldURI="item:Sensitivity"/><t:FieldURI FieldURI="calendar:Start"/>'
    b'<t:FieldURI FieldURI="calendar:End"/><t:FieldURI FieldURI="calendar:IsAllDayEvent"/>'
    b'<t:FieldURI FieldURI="calendar:LegacyFreeBusyStatus"/><t:FieldURI FieldURI="calendar:IsCancelled"/>'
    b'<t:FieldURI FieldURI="calendar:CalendarItemType"/><t:FieldURI FieldURI="calendar:MyResponseType"/>'
    b'<t:FieldURI FieldURI="calendar:StartTimeZone"/>'
    b"</t:AdditionalProperties></m:ItemShape>"
    b'<m:CalendarView StartDate="%b" EndDate="%b"/>'
    b'<m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>'
)

_ITEM = f"{TYPES}CalendarItem"
_ITEM_ID = f"{TYPES}ItemId"
_ZONES = tuple(f"{TYPES}{name}" for name in ("StartTimeZone", "EndTimeZone", "MeetingTimeZone"))
_SUBJECT = f"{TYPES}Subject"
_SENSITIVITY_TAG = f"{TYPES}Sensitivity"
_START = f"{TYPES}Start"
_END = f"{TYPES}End"
_ALL_DAY = f"{TYPES}IsAllDayEvent"
_SHOW_AS_TAG = f"{TYPES}LegacyFreeBusyStatus"
_CANCELLED = f"{TYPES}IsCancelled"
_TYPE = f"{TYPES}CalendarItemType"
_RESPONSE = f"{TYPES}MyResponseType"
_LONGEST_ZONE = 100
_TRUE = ("true", "1")

_Texts: TypeAlias = Mapping[str, str | None]
"""The children of an item by their tags; an item has a dozen of them, and there are many items."""


@dataclass(frozen=True, slots=True)
class Page:
    """The appointments of one answer by their ItemId; `complete` is False when the server kept some back."""

    appointments: Mapping[str, Appointment]
    complete: bool


def find_item(window: Window, *, with_subjects: bool) -> bytes:
    """Return the operation that asks for all appointments overlapping `window`, in no particular order."""
    return _REQUEST % (_SUBJECT_FIELD if with_subjects else b"", _instant(window.start), _instant(window.end))


def found_items(message: Element, *, with_subjects: bool) -> Page:
    """Return what a successful response message holds.

    Left out are meetings that the owner has declined but kept, and recurring masters, which have no time of their
    own. A free/busy status that is unknown or missing counts as no data, such a sensitivity as private. Raises
    `NotUnderstood` for an item without id or times: left out silently, it could be the one meeting of the day.
    """
    folder = message.find(f"{MESSAGES}RootFolder")
    if folder is None:
        raise NotUnderstood("FindItem answered without a folder")
    appointments: dict[str, Appointment] = {}
    for item in folder.iter(_ITEM):
        texts = {child.tag: child.text for child in item}
        if _text(texts, _TYPE) == "RecurringMaster" or _text(texts, _RESPONSE) == "Decline":
            continue
        item_id, appointment = _appointment(item, texts, with_subjects)
        appointments[item_id] = appointment
    return Page(appointments, complete=folder.get("IncludesLastItemInRange", "true") in _TRUE)


def _appointment(item: Element, texts: _Texts, with_subjects: bool) -> tuple[str, Appointment]:
    item_id = _id_of(item, _ITEM_ID)
    if not item_id:
        raise NotUnderstood("FindItem answered an item without an id")
    all_day = _text(texts, _ALL_DAY) in _TRUE
    zone = next((found for tag in _ZONES for found in item.iterchildren(tag)), None)
    return item_id, Appointment(
        id=blake2b(item_id.encode(), digest_size=6).hexdigest(),
        start=_utc(_text(texts, _START)),
        end=_utc(_text(texts, _END)),
        subject=_text(texts, _SUBJECT) if with_subjects else "",
        show_as=_SHOW_AS.get(_text(texts, _SHOW_AS_TAG), ShowAs.NO_DATA),
        sensitivity=_SENSITIVITY.get(_text(texts, _SENSITIVITY_TAG), Sensitivity.PRIVATE),
        all_day=all_day,
        zone=None if zone is None else _zone_told(zone),
        # It says nothing about any other appointment, and may be longer than all the rest of it.
        zone_definition=zone_definition(zone) if zone is not None and all_day else None,
        cancelled=_text(texts, _CANCELLED) in _TRUE,
    )


def _text(texts: _Texts, tag: str) -> str:
    return (texts.get(tag) or "").strip()


def _id_of(item: Element, tag: str) -> str:
    element = next(item.iterchildren(tag), None)
    return element.get("Id", "") if element is not None else ""


def _zone_told(zone: Element) -> str | None:
    told = zone.get("Id") or zone.get("TimeZoneName") or ""
    return iana_zone(told) or told[:_LONGEST_ZONE] or None


def _utc(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        # A time without a zone is in the one of TimeZoneContext.
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotUnderstood("FindItem answered an item without a start or an end") from error


def _instant(instant: datetime) -> bytes:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat().encode() + b"Z"
