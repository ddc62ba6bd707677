"""GetUserAvailability: who is busy when, asked by anybody in the organisation for up to a hundred mailboxes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.simulator.exchange.calls import Call
from engine.simulator.exchange.properties import FREE_BUSY
from engine.simulator.exchange.soap import NAMESPACES, M, Refusal, T, schema_violation
from engine.simulator.exchange.xml import Element, local_name
from engine.simulator.world import Response

MOST_MAILBOXES = 100
LONGEST_WINDOW = timedelta(days=42)
VIEWS = ("MergedOnly", "FreeBusy", "FreeBusyMerged", "Detailed", "DetailedMerged")
CHANGE = ("Bias", "Time", "DayOrder", "Month", "DayOfWeek")
"""The children of StandardTime and DaylightTime, in their order."""


@dataclass(frozen=True, slots=True)
class _Request:
    addresses: Sequence[str]
    start: datetime
    end: datetime


def get_user_availability(call: Call) -> Iterator[Element]:
    """Answer with one FreeBusyResponse for each mailbox (MS-OXWAVLS 3.1.4.1), in the view FreeBusy.

    Raises Refusal for what concerns the request as a whole.
    """
    asked = _understood(call.request)
    if len(asked.addresses) > MOST_MAILBOXES:
        raise Refusal("ErrorMailboxDataArrayTooBig", "There are too many mailboxes in the request.")
    if asked.end - asked.start > LONGEST_WINDOW:
        raise Refusal("ErrorTimeIntervalTooBig", "The time window is too long.")
    for address in asked.addresses:
        try:
            yield _told(call, address, asked.start, asked.end)
        except Refusal as problem:
            yield M(
                "FreeBusyResponse",
                M(
                    "ResponseMessage",
                    M("MessageText", problem.message),
                    M("ResponseCode", problem.code),
                    M("DescriptiveLinkKey", "0"),
                    ResponseClass="Error",
                ),
                M("FreeBusyView", T("FreeBusyViewType", "None")),
            )


def _told(call: Call, address: str, start: datetime, end: datetime) -> Element:
    owner = call.world.owner(address)
    if owner is None or owner.mailbox is None:
        raise Refusal("ErrorMailRecipientNotFound", "Unable to resolve the e-mail address to a directory object.")
    if owner.free_busy_refusal:
        raise Refusal(owner.free_busy_refusal, "The mailbox cannot be found.")
    if not owner.shares_free_busy:
        raise Refusal("ErrorNoFreeBusyAccess", "The caller does not have access to free/busy data.")
    events = [
        T(
            "CalendarEvent",
            T("StartTime", _local(item.start)),
            T("EndTime", _local(item.end)),
            # What was declined or cancelled, but kept, takes no time.
            T("BusyType", "Free" if item.cancelled or item.response is Response.DECLINE else FREE_BUSY[item.show_as]),
        )
        for item in call.world.occurrences(owner.mailbox, start, end)
    ]
    view = [T("FreeBusyViewType", "FreeBusy"), *([T("CalendarEventArray", *events)] if events else [])]
    message = M("ResponseMessage", M("ResponseCode", "NoError"), ResponseClass="Success")
    return M("FreeBusyResponse", message, M("FreeBusyView", *view))


def _understood(request: Element) -> _Request:
    """Take the request apart by hand, since the published schema parts leave it out. Raises Refusal."""
    zone, mailboxes, options = _children(request, "TimeZone", "MailboxDataArray", "FreeBusyViewOptions")
    bias, *changes = _children(zone, "Bias", "StandardTime", "DaylightTime")
    biases = [bias, *(_children(change, *CHANGE)[0] for change in changes)]
    if any(_number(element) for element in biases):
        raise Refusal("ErrorTimeZone", "This server is asked in UTC only.")
    window, interval, view = _children(options, "TimeWindow", "MergedFreeBusyIntervalInMinutes", "RequestedView")
    if view.text not in VIEWS:
        raise schema_violation("RequestedView is unknown")
    if not 5 <= _number(interval) <= 1440:
        raise Refusal("ErrorInvalidMergedFreeBusyInterval", "The interval is out of range.")
    start, end = (_instant(element) for element in _children(window, "StartTime", "EndTime"))
    if end <= start:
        raise Refusal("ErrorInvalidTimeInterval", "EndTime is not later than StartTime.")
    addresses = []
    for mailbox in mailboxes:
        email, _, _ = _children(mailbox, "Email", "AttendeeType", "ExcludeConflicts")
        addresses.append(email.findtext("t:Address", "", NAMESPACES))
    return _Request(addresses, start, end)


def _children(parent: Element, *names: str) -> list[Element]:
    if tuple(local_name(child) for child in parent) != names:
        raise schema_violation(f"{local_name(parent)} has to hold {', '.join(names)}")
    return list(parent)


def _number(element: Element) -> int:
    try:
        return int(element.text or "")
    except ValueError as error:
        raise schema_violation(f"{local_name(element)} is not a number") from error


def _instant(element: Element) -> datetime:
    try:
        instant = datetime.fromisoformat(element.text or "")
    except ValueError as error:
        raise schema_violation(f"{local_name(element)} is not a date and time") from error
    if instant.tzinfo is not None:
        raise schema_violation(f"{local_name(element)} has a zone of its own")
    return instant.replace(tzinfo=UTC)


def _local(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
