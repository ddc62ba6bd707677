"""The operation getSchedule (learn.microsoft.com/graph/api/calendar-getschedule)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.core.appointments import Sensitivity, ShowAs
from engine.simulator.faults import ODataError
from engine.simulator.graph.errors import Refusal, bad_request
from engine.simulator.graph.events import SHOW_AS, View
from engine.simulator.graph.odata import collection, date_and_time, time_zone_preferred, unknown_zone
from engine.simulator.graph.request import GraphRequest
from engine.simulator.graph.tenant import Account, Caller, Hosting, Tenant
from engine.simulator.windows_zones import iana_zone, windows_zone
from engine.simulator.world import CalendarItem, Response

MOST_SCHEDULES = 20
MOST_ENTRIES = 1000
LONGEST_WINDOW = timedelta(days=62)
INTERVALS = range(5, 1441)
SHOWN = {
    ShowAs.FREE: "0",
    ShowAs.TENTATIVE: "1",
    ShowAs.BUSY: "2",
    ShowAs.OOF: "3",
    ShowAs.WORKING_ELSEWHERE: "4",
    ShowAs.NO_DATA: "2",
}
BY_WEIGHT = "04123"
"""What the availability view shows where several appointments overlap, the last one first."""
OPEN = (Sensitivity.NORMAL, Sensitivity.PERSONAL)


@dataclass(frozen=True, slots=True)
class _Asked:
    schedules: list[str]
    start: datetime
    end: datetime
    interval: timedelta


class _Unavailable(Exception):
    """The schedule of one address cannot be had; the others can."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.error = {"responseCode": code, "message": message}


def get_schedule(request: GraphRequest, tenant: Tenant, caller: Caller) -> dict[str, Any]:
    """Return the free/busy times of all addresses, or why there are none. Raises Refusal for the whole request."""
    asked = _understood(request)
    zone = time_zone_preferred(request)
    entries: list[dict[str, Any]] = []
    for address in asked.schedules:
        try:
            entries.append({"scheduleId": address} | _schedule(tenant, caller, address, asked, zone))
        except _Unavailable as unavailable:
            entries.append({"scheduleId": address, "error": unavailable.error})
    return collection(request, "Collection(microsoft.graph.scheduleInformation)", (), entries)


def _schedule(tenant: Tenant, caller: Caller, address: str, asked: _Asked, zone_name: str) -> dict[str, Any]:
    owner = _owner(tenant, caller, address)
    items = tenant.world.occurrences(owner.mailbox, asked.start, asked.end)
    if len(items) > MOST_ENTRIES:
        raise _Unavailable("5006", f"There are more than {MOST_ENTRIES} calendar entries in the time window.")
    view = View(owner, zone_name, iana_zone(zone_name) or ZoneInfo("UTC"))
    return {
        "availabilityView": _availability(items, asked),
        "scheduleItems": [_item(view, item, tenant.behaviour.schedules_tell_subjects) for item in items],
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": {"name": windows_zone((owner.person and owner.person.zone) or tenant.world.zone.key)},
        },
    }


def _owner(tenant: Tenant, caller: Caller, address: str) -> Account:
    if "@" not in address:
        raise _Unavailable("ErrorInvalidSmtpAddress", f"The SMTP address format is invalid: {address}")
    owner = tenant.recipient(address)
    if owner is None or owner.person is None or not owner.mailbox or owner.hosting is Hosting.NOWHERE:
        message = f"Unable to resolve e-mail address {address} to an Active Directory object."
        raise _Unavailable("5009", message)
    if owner.hosting is not Hosting.EXCHANGE_ONLINE:
        raise _Unavailable("ErrorProxyRequestProcessingFailed", "The remote server could not be asked.")
    if owner.person.free_busy_refusal:
        raise _Unavailable(owner.person.free_busy_refusal, "The mailbox cannot be found.")
    if not owner.person.shares_free_busy:
        raise _Unavailable("ErrorNoFreeBusyAccess", "The caller does not have access to free/busy data.")
    if tenant.behaviour.scope_limits_schedules:
        try:
            tenant.level(caller, owner)
        except Refusal as refusal:
            raise _Unavailable(refusal.error.code, refusal.error.message) from refusal
    return owner


def _status(item: CalendarItem) -> ShowAs:
    """Return how an item counts: declined or cancelled ones that were kept as free."""
    return ShowAs.FREE if item.cancelled or item.response is Response.DECLINE else item.show_as


def _item(view: View, item: CalendarItem, tells_subjects: bool) -> dict[str, Any]:
    """Return an item; whole days are instants like everything else, and nothing says that they are whole days."""
    entry: dict[str, Any] = {"status": SHOW_AS[_status(item)]}
    entry |= {"start": view.moment(item.start), "end": view.moment(item.end)}
    if tells_subjects:
        entry["isPrivate"] = item.sensitivity not in OPEN
        if item.sensitivity in OPEN:
            entry |= {"subject": item.subject, "location": item.location}
    return entry


def _availability(items: list[CalendarItem], asked: _Asked) -> str:
    shown, begin = "", asked.start
    while begin < asked.end:
        until = begin + asked.interval
        digits = [SHOWN[_status(item)] for item in items if item.overlaps(begin, until)]
        shown += max(digits, key=BY_WEIGHT.index, default="0")
        begin = until
    return shown


def _understood(request: GraphRequest) -> _Asked:
    """Read the arguments, whose names are compared ignoring case. Raises Refusal."""
    given = {name.casefold(): value for name, value in request.json().items()}
    schedules, interval = given.get("schedules"), given.get("availabilityviewinterval", 30)
    if not isinstance(schedules, list) or not schedules or not all(isinstance(each, str) for each in schedules):
        raise bad_request("The parameter 'Schedules' is missing or no list of strings.")
    if len(schedules) > MOST_SCHEDULES:
        raise bad_request("There are too many mailboxes in the request.", "ErrorMailboxDataArrayTooBig")
    if interval is None:
        raise Refusal(ODataError(500, "ErrorInternalServerError", "An internal server error occurred."))
    if type(interval) is not int or interval not in INTERVALS:
        message = "The interval is not between 5 and 1440 minutes."
        raise bad_request(message, "ErrorInvalidMergedFreeBusyInterval")
    start, end = (_instant(given.get(name), name) for name in ("starttime", "endtime"))
    if end <= start:
        raise bad_request("EndTime is not later than StartTime.", "ErrorInvalidTimeInterval")
    if end - start >= LONGEST_WINDOW:
        raise bad_request(f"The time window has to be under {LONGEST_WINDOW.days} days.", "ErrorTimeIntervalTooBig")
    return _Asked(schedules, start, end, timedelta(minutes=interval))


def _instant(given: object, name: str) -> datetime:
    """Return the instant of a dateTimeTimeZone. Raises Refusal if it is none."""
    moment: Mapping[str, Any] = given if isinstance(given, dict) else {}
    zone = iana_zone(str(moment.get("timeZone", "")))
    local = date_and_time(str(moment.get("dateTime", "")), name)
    if zone is None:
        raise unknown_zone(str(moment.get("timeZone", "")))
    if local.tzinfo is not None:
        raise bad_request(f"The parameter '{name}' has an offset beside its time zone.")
    return local.replace(tzinfo=zone).astimezone(UTC)
