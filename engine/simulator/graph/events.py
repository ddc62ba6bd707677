"""Calendar items as events of Graph (learn.microsoft.com/graph/api/resources/event)."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from engine.core.appointments import ShowAs
from engine.simulator.graph.tenant import Account, Level
from engine.simulator.windows_zones import windows_zone
from engine.simulator.world import CalendarItem, Correspondent, ItemKind, Response

ITEM = bytes.fromhex("00032400")
IMMUTABLE_ITEM = (
    b"\x00\x09\x00\x2e\x00\x00\x00\x00\x00\x1d\x84\x03\x11\xaa\x66\x11\xcd\x9b\xc8\x00\xaa\x00\x2f\xc4\x5a\x0d"
)
BODY = "<html><body>Agenda</body></html>"
NEVER = "0001-01-01T00:00:00Z"
SHOW_AS = {
    ShowAs.FREE: "free",
    ShowAs.TENTATIVE: "tentative",
    ShowAs.BUSY: "busy",
    ShowAs.OOF: "oof",
    ShowAs.WORKING_ELSEWHERE: "workingElsewhere",
    ShowAs.NO_DATA: "unknown",
}
RESPONSES = {
    Response.UNKNOWN: "none",
    Response.ORGANIZER: "organizer",
    Response.TENTATIVE: "tentativelyAccepted",
    Response.ACCEPT: "accepted",
    Response.DECLINE: "declined",
    Response.NO_RESPONSE: "notResponded",
}
KINDS = {
    ItemKind.SINGLE: "singleInstance",
    ItemKind.OCCURRENCE: "occurrence",
    ItemKind.EXCEPTION: "exception",
    ItemKind.RECURRING_MASTER: "seriesMaster",
}
OTHER_WORDS = {"OOF": "oof", "NoData": "unknown"}
"""Words of EWS that Graph says otherwise, but for a capital at the beginning."""


@dataclass(frozen=True, slots=True)
class View:
    """How a calendar is shown: whose it is, in which time zone, with which kind of ids, and how much of it."""

    owner: Account
    zone_name: str
    zone: ZoneInfo
    immutable_ids: bool = False
    level: Level = Level.READ

    def event_id(self, key: str) -> str:
        """Return the id of the item or series with that key: opaque, and case-sensitive."""
        kind = IMMUTABLE_ITEM if self.immutable_ids else ITEM
        digest = hashlib.sha512(kind + f"{self.owner.mailbox.casefold()}\0{key}".encode(errors="replace")).digest()
        return base64.urlsafe_b64encode(kind + digest).decode()

    def moment(self, instant: datetime) -> Mapping[str, str]:
        """Return an instant in the time zone of the view."""
        return self._moment(instant.astimezone(self.zone))

    def midnight(self, day: date) -> Mapping[str, str]:
        """Return the beginning of a day, which is the same in every time zone."""
        return self._moment(datetime.combine(day, time()))

    def unreadable(self, text: str) -> Mapping[str, str]:
        """Return a moment that is none."""
        return {"dateTime": text, "timeZone": self.zone_name}

    def _moment(self, local: datetime) -> Mapping[str, str]:
        return {"dateTime": f"{local:%Y-%m-%dT%H:%M:%S.%f}0", "timeZone": self.zone_name}


Writer: TypeAlias = Callable[[View, CalendarItem], Any]


def event(view: View, item: CalendarItem, selected: frozenset[str]) -> dict[str, Any]:
    """Return an item as an event with the selected properties, by default all; id and etag are always there."""
    etag = base64.b64encode(zlib.crc32(repr(item).encode()).to_bytes(4, "big")).decode()
    names = [name for name in PROPERTIES if not selected or name in selected]
    written = {name: PROPERTIES[name](view, item) for name in names}
    return {"@odata.etag": f'W/"{etag}"', "id": view.event_id(item.key)} | written


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _word(text: str) -> str:
    return OTHER_WORDS.get(text, text[:1].lower() + text[1:])


def _misrepresentable(uri: str, write: Writer, convert: Callable[[str], Any] = str) -> Writer:
    """Return a writer that prefers what the item misrepresents by that FieldURI; what it leaves out is null."""

    def written(view: View, item: CalendarItem) -> Any:
        if uri not in item.told:
            return write(view, item)
        stated = item.told[uri]
        return None if stated is None else convert(stated)

    return written


def _is_true(text: str) -> bool:
    return text == "true"


def _is_all_day(view: View, item: CalendarItem) -> bool:
    stated = item.told.get("calendar:IsAllDayEvent")
    return item.all_day if stated is None else _is_true(stated)


def _edge(uri: str, truth: Callable[[CalendarItem], datetime], bound_day: Callable[[datetime], date]) -> Writer:
    """Return the writer of start or end.

    An all-day event lasts from midnight to midnight in whatever time zone is asked for: its dates are those of the zone
    it was made in.
    """

    def written(view: View, item: CalendarItem) -> Any:
        stated = item.told.get(uri, "")
        if stated is None:
            return None
        instant = _instant(stated) if stated else truth(item)
        if instant is None:
            return view.unreadable(stated)
        if _is_all_day(view, item):
            return view.midnight(bound_day(instant.astimezone(ZoneInfo(item.zone))))
        return view.moment(instant)

    return written


def _day_of(local: datetime) -> date:
    return local.date()


def _midnight_after(local: datetime) -> date:
    return local.date() if local.time() == time() else local.date() + timedelta(days=1)


def _zone(uri: str) -> Writer:
    def written(view: View, item: CalendarItem) -> Any:
        if item.stated_zone is not None:
            return item.stated_zone.id or None
        try:
            return windows_zone(item.zone)
        except ValueError:
            return item.zone

    return _misrepresentable(uri, written)


def _instant_text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _recipient(name: str, address: str) -> Mapping[str, Any]:
    return {"emailAddress": {"name": name, "address": address}}


def _organizer(view: View, item: CalendarItem) -> Mapping[str, Any]:
    """The organizer of what has no invitations is the owner of the calendar."""
    organizer = item.organizer or Correspondent(view.owner.display_name, view.owner.mailbox)
    return _recipient(organizer.name, organizer.address)


def _is_organizer(view: View, item: CalendarItem) -> bool:
    return item.organizer is None or item.response is Response.ORGANIZER


def _response(view: View, item: CalendarItem) -> Mapping[str, str]:
    answered = item.response in (Response.ACCEPT, Response.TENTATIVE, Response.DECLINE)
    time_of = _instant_text(item.modified) if answered else NEVER
    stated = item.told.get("calendar:MyResponseType")
    if stated is None:
        return {"response": RESPONSES[item.response], "time": time_of}
    known = {each.value: word for each, word in RESPONSES.items()}
    return {"response": known.get(stated, _word(stated)), "time": time_of}


def _series(view: View, item: CalendarItem) -> str | None:
    of_a_series = item.kind in (ItemKind.OCCURRENCE, ItemKind.EXCEPTION)
    return view.event_id(item.key.rpartition("@")[0] or item.key) if of_a_series else None


def _place(name: str) -> Mapping[str, Any]:
    return {"displayName": name, "locationType": "default", "uniqueId": name, "uniqueIdType": "private"}


def _body(view: View, item: CalendarItem) -> Mapping[str, str] | None:
    return {"contentType": "html", "content": BODY} if view.level is Level.READ else None


def _always(value: Any) -> Writer:
    return lambda view, item: value


PROPERTIES: Mapping[str, Writer] = {
    "subject": _misrepresentable("item:Subject", lambda view, item: item.subject),
    "start": _edge("calendar:Start", lambda item: item.start, _day_of),
    "end": _edge("calendar:End", lambda item: item.end, _midnight_after),
    "isAllDay": _misrepresentable("calendar:IsAllDayEvent", _is_all_day, _is_true),
    "showAs": _misrepresentable("calendar:LegacyFreeBusyStatus", lambda view, item: SHOW_AS[item.show_as], _word),
    "sensitivity": _misrepresentable("item:Sensitivity", lambda view, item: item.sensitivity.value, _word),
    "isCancelled": _misrepresentable("calendar:IsCancelled", lambda view, item: item.cancelled, _is_true),
    "organizer": _misrepresentable("calendar:Organizer", _organizer, lambda name: _recipient(name, "")),
    "responseStatus": _response,
    "originalStartTimeZone": _zone("calendar:StartTimeZone"),
    "originalEndTimeZone": _zone("calendar:EndTimeZone"),
    "type": lambda view, item: KINDS[item.kind],
    "seriesMasterId": _series,
    "location": lambda view, item: _place(item.location),
    "locations": lambda view, item: [_place(item.location)] if item.location else [],
    "iCalUId": lambda view, item: item.uid,
    "isOrganizer": _is_organizer,
    "body": _body,
    "bodyPreview": lambda view, item: "" if view.level is Level.READ else None,
    "changeKey": lambda view, item: f"{zlib.crc32(repr(item).encode()):08x}",
    "createdDateTime": lambda view, item: _instant_text(item.modified),
    "lastModifiedDateTime": lambda view, item: _instant_text(item.modified),
    "webLink": lambda view, item: f"https://outlook.office365.com/owa/?itemid={view.event_id(item.key)}",
    "allowNewTimeProposals": _always(True),
    "attendees": _always([]),
    "cancelledOccurrences": _always([]),
    "categories": _always([]),
    "hasAttachments": _always(False),
    "hideAttendees": _always(False),
    "importance": _always("normal"),
    "isDraft": _always(False),
    "isOnlineMeeting": _always(False),
    "isReminderOn": _always(True),
    "onlineMeeting": _always(None),
    "onlineMeetingProvider": _always("unknown"),
    "onlineMeetingUrl": _always(None),
    "originalStart": _always(None),
    "recurrence": _always(None),
    "reminderMinutesBeforeStart": _always(15),
    "responseRequested": _always(True),
    "transactionId": _always(None),
}
