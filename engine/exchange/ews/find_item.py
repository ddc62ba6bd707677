"""The appointments of one window: FindItem with CalendarView, so that the server expands recurrences (MS-OXWSSRCH)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TypeAlias

from engine.core.appointments import Appointment, Oddity, Sensitivity, ShowAs
from engine.exchange.errors import NotUnderstood
from engine.exchange.ews.safe_xml import Element
from engine.exchange.ews.soap import MESSAGES, TYPES, parse_instant
from engine.exchange.ews.time_zones import zone_definition
from engine.exchange.source import Window
from engine.exchange.zone_names import stated_zone

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
_START_ZONE = f"{TYPES}StartTimeZone"
_OTHER_ZONES = (f"{TYPES}EndTimeZone", f"{TYPES}MeetingTimeZone")
_SUBJECT = f"{TYPES}Subject"
_SENSITIVITY_TAG = f"{TYPES}Sensitivity"
_START = f"{TYPES}Start"
_END = f"{TYPES}End"
_ALL_DAY = f"{TYPES}IsAllDayEvent"
_SHOW_AS_TAG = f"{TYPES}LegacyFreeBusyStatus"
_CANCELLED = f"{TYPES}IsCancelled"
_TYPE = f"{TYPES}CalendarItemType"
_RESPONSE = f"{TYPES}MyResponseType"
FIND_COUNT_LIMIT = 1000
"""The most items that Exchange returns in one response (EWSFindCountLimit)."""
_WITHOUT_ID = "\0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUE = ("true", "1")

_Texts: TypeAlias = Mapping[str, str | None]
"""The children of an item by their tags; an item has a dozen of them, and there are many items."""


@dataclass(frozen=True, slots=True)
class Page:
    """The appointments of one response by their ItemId; `complete` is False if the server left some out.

    `expanded` is False if it contains recurring masters: then it lacks their occurrences.
    """

    appointments: Mapping[str, Appointment]
    complete: bool
    expanded: bool


def find_item(window: Window, *, with_subjects: bool) -> bytes:
    """Return the operation that requests all appointments overlapping `window`, in no particular order."""
    return _REQUEST % (_SUBJECT_FIELD if with_subjects else b"", _instant(window.start), _instant(window.end))


def found_items(message: Element, *, with_subjects: bool) -> Page:
    """Return the appointments of a successful response message.

    Meetings that the owner has declined but kept are left out, and so are recurring masters, which have no time of
    their own. What cannot be understood becomes an oddity of the item: without a start and an end it does not affect
    the presence, an unknown or missing free/busy state counts as no data, an unknown sensitivity as private. A
    missing sensitivity means normal (MS-OXCMSG, 2.2.1.13).
    """
    folder = message.find(f"{MESSAGES}RootFolder")
    if folder is None:
        raise NotUnderstood("FindItem answered without a folder")
    appointments: dict[str, Appointment] = {}
    came, expanded = 0, True
    for item in folder.iter(_ITEM):
        came += 1
        texts = {child.tag: child.text for child in item}
        if _text(texts, _TYPE) == "RecurringMaster":
            expanded = False
        elif _text(texts, _RESPONSE) != "Decline":
            # An item without an id counts as well; only its organizer cannot be requested.
            item_id = _id_of(item) or f"{_WITHOUT_ID}{came}"
            appointments[item_id] = _appointment(item, item_id, texts, with_subjects)
    return Page(appointments, _is_complete(folder, came), expanded)


def has_id(item_id: str) -> bool:
    """Return whether the key of an appointment is its ItemId, so that more can be requested about it."""
    return not item_id.startswith(_WITHOUT_ID)


def _is_complete(folder: Element, came: int) -> bool:
    """Return whether the response includes the last item, or as many items as the server counts.

    Some servers never mark the last item. A response of the most items that Exchange returns proves nothing.
    """
    if folder.get("IncludesLastItemInRange", "true") in _TRUE:
        return True
    return came < FIND_COUNT_LIMIT and folder.get("TotalItemsInView") == str(came)


def _appointment(item: Element, item_id: str, texts: _Texts, with_subjects: bool) -> Appointment:
    start, end = parse_instant(_text(texts, _START)), parse_instant(_text(texts, _END))
    show_as = _SHOW_AS.get(_text(texts, _SHOW_AS_TAG))
    sensitivity = _SENSITIVITY.get(_text(texts, _SENSITIVITY_TAG) if _SENSITIVITY_TAG in texts else "Normal")
    all_day = _text(texts, _ALL_DAY) in _TRUE
    zone = next(item.iterchildren(_START_ZONE), None)
    if zone is None and all_day:
        zone = next(item.iterchildren(*_OTHER_ZONES), None)
    oddities: list[Oddity] = []
    if start is None or end is None:
        oddities.append(Oddity.NOT_UNDERSTOOD)
    if show_as is None:
        oddities.append(Oddity.UNKNOWN_SHOW_AS)
    if sensitivity is None:
        oddities.append(Oddity.UNKNOWN_SENSITIVITY)
    return Appointment(
        id=blake2b(item_id.encode(), digest_size=6).hexdigest(),
        start=start or end or _EPOCH,
        end=end or start or _EPOCH,
        subject=_text(texts, _SUBJECT) if with_subjects else "",
        show_as=show_as or ShowAs.NO_DATA,
        sensitivity=sensitivity or Sensitivity.PRIVATE,
        all_day=all_day,
        zone=None if zone is None else stated_zone(zone.get("Id") or zone.get("TimeZoneName") or ""),
        # The id says nothing about another appointment, and may be longer than everything else in this one.
        zone_definition=zone_definition(zone) if zone is not None and all_day else None,
        cancelled=_text(texts, _CANCELLED) in _TRUE,
        oddities=tuple(oddities),
    )


def _text(texts: _Texts, tag: str) -> str:
    return (texts.get(tag) or "").strip()


def _id_of(item: Element) -> str:
    element = next(item.iterchildren(_ITEM_ID), None)
    return element.get("Id", "") if element is not None else ""


def _instant(instant: datetime) -> bytes:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat().encode() + b"Z"
