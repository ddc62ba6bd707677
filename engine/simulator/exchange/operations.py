"""The EWS operations of the simulator: each takes a request element and returns response messages."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from engine.simulator.exchange.call import CALENDAR, Call, read_folder
from engine.simulator.exchange.items import FREE_BUSY, ITEM, NOT_IN_FIND_ITEM, Shape, read_id
from engine.simulator.exchange.soap import (
    NAMESPACES,
    Element,
    M,
    Refusal,
    T,
    failure,
    local_name,
    schema_violation,
    success,
)
from engine.simulator.exchange.streaming import Stream
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.exchange.working_hours import working_hours
from engine.simulator.world import CalendarItem, Person, Response, World
from engine.simulator.world.world import Entry, Series

TWO_YEARS = timedelta(days=2 * 366)
FIND_COUNT_LIMIT = 1000
"""EWSFindCountLimit of the default throttling policy; further items are left out without an error."""


Operation: TypeAlias = Callable[[Call], Iterator[Element]]


def find_item(call: Call) -> Iterator[Element]:
    """Answer FindItem with a CalendarView (MS-OXWSMTGS 3.1.4.5): one message for each folder."""
    shape = Shape(call.request, with_address=False)
    view = call.request.find("m:CalendarView", NAMESPACES)
    if view is None:
        raise Refusal("ErrorInvalidRequest", "This server finds calendar items by CalendarView only.")
    for folder in call.request.findall("m:ParentFolderIds/*", NAMESPACES):
        try:
            if read_folder(call, folder).name != CALENDAR:
                raise Refusal("ErrorCalendarFolderIsInvalidForCalendarView", "A CalendarView needs a calendar folder.")
            yield success("FindItem", _view(call, shape, view))
        except Refusal as problem:
            yield failure("FindItem", problem)


def get_item(call: Call) -> Iterator[Element]:
    """Answer GetItem (MS-OXWSMTGS 3.1.4.4): one message for each id."""
    shape = Shape(call.request, with_address=True)
    for wanted in call.request.findall("m:ItemIds/*", NAMESPACES):
        try:
            mailbox, key = read_id(ITEM, wanted.get("Id", ""))
            item = call.world.item(mailbox, key) if mailbox == call.calendar_of.casefold() else None
            if item is None:
                raise Refusal("ErrorItemNotFound", "The specified object was not found in the store.")
            if item.get_item_error:
                raise Refusal(item.get_item_error, "Simulated.")
            yield success("GetItem", M("Items", shape.element(mailbox, item)))
        except Refusal as problem:
            yield failure("GetItem", problem, M("Items"))


def _view(call: Call, shape: Shape, view: Element) -> Element:
    if any(call.request.find(f"m:{name}", NAMESPACES) is not None for name in ("Restriction", "SortOrder")):
        raise Refusal("ErrorInvalidRequest", "A CalendarView cannot be restricted or sorted.")
    unreadable = shape.asked & NOT_IN_FIND_ITEM
    if unreadable:
        raise Refusal("ErrorInvalidPropertyRequest", f"FindItem does not give {', '.join(sorted(unreadable))}.")
    start, end = _instant(view, "StartDate"), _instant(view, "EndDate")
    if end < start:
        raise Refusal("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.")
    if end - start > TWO_YEARS:
        raise Refusal("ErrorCalendarViewRangeTooBig", "The calendar view spans more than two years.")
    most = _limit(view)
    found = call.world.occurrences(call.calendar_of, start, end)
    if not call.behaviour.expands_series:
        found = _as_they_are(call.world.entries(call.calendar_of), start, end)
    for item in found[:most]:
        if item.find_item_error:
            raise Refusal(item.find_item_error, "Simulated.")
    items = [shape.element(call.calendar_of, item) for item in found[:most]]
    complete = "true" if len(found) <= most and call.behaviour.tells_completeness else "false"
    return M("RootFolder", T("Items", *items), TotalItemsInView=str(len(found)), IncludesLastItemInRange=complete)


def _as_they_are(entries: Iterable[Entry], start: datetime, end: datetime) -> list[CalendarItem]:
    """Return series unexpanded, as single items at any time, and single items as in any view."""
    found: list[CalendarItem] = []
    for entry in entries:
        found += [entry.master] if isinstance(entry, Series) else entry.occurrences(start, end)
    return found


def _limit(view: Element) -> int:
    try:
        most = int(view.get("MaxEntriesReturned", FIND_COUNT_LIMIT))
    except ValueError as error:
        raise schema_violation("MaxEntriesReturned is not a number") from error
    if most < 1:
        raise Refusal("ErrorInvalidPagingMaxRows", "MaxEntriesReturned has to be greater than zero.")
    return min(most, FIND_COUNT_LIMIT)


def _instant(view: Element, name: str) -> datetime:
    """Return a bound of the view; without a zone it is in the TimeZoneContext of the request, which is UTC here."""
    try:
        instant = datetime.fromisoformat(view.get(name, ""))
    except ValueError as error:
        raise schema_violation(f"{name} is not a date and time") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


MOST_MAILBOXES = 100
LONGEST_WINDOW = timedelta(days=42)
VIEWS = ("MergedOnly", "FreeBusy", "FreeBusyMerged", "Detailed", "DetailedMerged")
CHANGE = ("Bias", "Time", "DayOrder", "Month", "DayOfWeek")
"""The children of StandardTime and DaylightTime, in order."""


@dataclass(frozen=True, slots=True)
class _Request:
    addresses: Sequence[str]
    start: datetime
    end: datetime


def get_user_availability(call: Call) -> Iterator[Element]:
    """Answer with one FreeBusyResponse for each mailbox (MS-OXWAVLS 3.1.4.1), in the view FreeBusy.

    Raises Refusal for an error of the request as a whole.
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
    if call.homes.is_remote(owner.mailbox):
        raise Refusal("ErrorProxyRequestProcessingFailed", "Unable to send the request to the other organisation.")
    if owner.free_busy_refusal:
        raise Refusal(owner.free_busy_refusal, "The mailbox cannot be found.")
    if not owner.shares_free_busy:
        raise Refusal("ErrorNoFreeBusyAccess", "The caller does not have access to free/busy data.")
    events = [
        T(
            "CalendarEvent",
            T("StartTime", _local(item.start)),
            T("EndTime", _local(item.end)),
            # Appointments that were declined or cancelled, but kept, do not count as busy.
            T("BusyType", "Free" if item.cancelled or item.response is Response.DECLINE else FREE_BUSY[item.show_as]),
        )
        for item in call.world.occurrences(owner.mailbox, start, end)
    ]
    view = [T("FreeBusyViewType", "FreeBusy"), *([T("CalendarEventArray", *events)] if events else [])]
    view.append(working_hours(ZoneInfo(owner.zone) if owner.zone else call.world.zone, start.year))
    message = M("ResponseMessage", M("ResponseCode", "NoError"), ResponseClass="Success")
    return M("FreeBusyResponse", message, M("FreeBusyView", *view))


def _understood(request: Element) -> _Request:
    """Parse the request without a schema, because the published parts do not include it. Raises Refusal."""
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
    start, end = (_window_instant(element) for element in _children(window, "StartTime", "EndTime"))
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


def _window_instant(element: Element) -> datetime:
    try:
        instant = datetime.fromisoformat(element.text or "")
    except ValueError as error:
        raise schema_violation(f"{local_name(element)} is not a date and time") from error
    if instant.tzinfo is not None:
        raise schema_violation(f"{local_name(element)} has a zone of its own")
    return instant.replace(tzinfo=UTC)


def _local(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


MOST_IDS = 200
LONGEST_MINUTES = 30


def subscribe(call: Call) -> Iterator[Element]:
    """Answer Subscribe for streaming notifications of the impersonated mailbox's calendar."""
    try:
        request = call.request.find("m:StreamingSubscriptionRequest", NAMESPACES)
        if request is None:
            raise Refusal("ErrorInvalidRequest", "This server knows streaming subscriptions only.")
        folders = request.findall("t:FolderIds/*", NAMESPACES)
        if [read_folder(call, folder).name for folder in folders] != [CALENDAR]:
            raise Refusal("ErrorInvalidSubscriptionRequest", "Subscriptions are to the calendar folder only.")
        back_end = call.homes.back_end(call.route, call.mailbox)
        if back_end.rpartition("-")[0] != call.homes.of(call.calendar_of).group:
            raise Refusal("ErrorProxyRequestNotAllowed", "The mailbox is in another group of servers.")
        events = [element.text or "" for element in request.findall("t:EventTypes/*", NAMESPACES)]
        identifier = call.subscriptions.subscribe(call.calendar_of, back_end, events)
        yield success("Subscribe", M("SubscriptionId", identifier))
    except Refusal as problem:
        yield failure("Subscribe", problem)


def unsubscribe(call: Call) -> Iterator[Element]:
    """Answer Unsubscribe."""
    try:
        call.subscriptions.unsubscribe(call.request.findtext("m:SubscriptionId", "", NAMESPACES))
        yield success("Unsubscribe")
    except Refusal as problem:
        yield failure("Unsubscribe", problem)


def subscription_ids(call: Call) -> list[str]:
    """Return the subscription ids in a GetStreamingEvents request."""
    path = "m:SubscriptionIds/t:SubscriptionId"
    return [element.text or "" for element in call.request.findall(path, NAMESPACES)]


def open_stream(call: Call) -> tuple[Stream, int]:
    """Return the stream that GetStreamingEvents requests, and its length in minutes. Raises Refusal."""
    identifiers = subscription_ids(call)
    minutes = int(call.request.findtext("m:ConnectionTimeout", "0", NAMESPACES))
    if not 1 <= minutes <= LONGEST_MINUTES or not 1 <= len(identifiers) <= MOST_IDS:
        raise Refusal("ErrorInvalidRequest", "At most 200 subscriptions and 30 minutes.")
    back_end = call.homes.back_end(call.route, call.mailbox)
    led_right = not call.behaviour.affinity_cookie_required or call.homes.knows(call.route.cookie)
    if not led_right or not call.behaviour.affinity_works:
        back_end = "some other back end"
    return call.subscriptions.connect(identifiers, back_end, call.mailbox, call.account), minutes


MOST_CANDIDATES = 100
MOST_LISTED = 3
"""The schema has EmailAddress1 to EmailAddress3, and Exchange leaves further addresses out."""


def resolve_names(call: Call) -> Iterator[Element]:
    """Answer ResolveNames with the people who match the entry."""
    if call.mailbox is None and not call.behaviour.caller_has_mailbox:
        raise Refusal("ErrorNameResolutionNoMailbox", "The caller has no mailbox to resolve names for.")
    entry = call.request.findtext("m:UnresolvedEntry", "", NAMESPACES)
    directory = call.request.get("SearchScope", "ActiveDirectoryContacts") != "Contacts"
    in_full = call.request.get("ReturnFullContactData") == "true" and call.behaviour.lists_addresses
    found = _search(call.world, entry, call.behaviour) if directory else []
    resolutions = M(
        "ResolutionSet",
        *[_resolution(person, _type_of(person, call), in_full=in_full) for person in found[:MOST_CANDIDATES]],
        TotalItemsInView=str(len(found)),
        IncludesLastItemInRange="true" if len(found) <= MOST_CANDIDATES else "false",
    )
    if not found:
        problem = Refusal("ErrorNameResolutionNoResults", "No results were found.")
        yield failure("ResolveNames", problem, response_class=call.behaviour.no_results_class)
    elif len(found) > 1:
        problem = Refusal("ErrorNameResolutionMultipleResults", "Multiple results were found.")
        yield failure("ResolveNames", problem, resolutions, response_class="Warning")
    else:
        yield success("ResolveNames", resolutions)


def _search(world: World, entry: str, behaviour: Behaviour) -> list[Person]:
    """Return the people whom the directory finds for an entry.

    An SMTP address finds only the person with that primary address; the prefix "smtp:" makes it search proxy addresses.
    Like any other text, it finds everybody with an attribute that begins with it.
    """
    wanted = entry.strip().casefold()
    prefix, separator, address = wanted.partition(":")
    by_proxy = separator and prefix == "smtp"
    if "@" in wanted and not by_proxy:
        owner = world.owner(wanted)
        return [owner] if owner is not None and (owner.mailbox or "").casefold() == wanted else []
    attributes, part = (_addresses, address) if by_proxy else (_names, wanted)
    anywhere = by_proxy and behaviour.names_match == "anywhere"
    return [
        person
        for person in world.people
        if person.mailbox is not None
        and part
        and any(
            part in known.casefold() if anywhere else known.casefold().startswith(part) for known in attributes(person)
        )
    ]


def _addresses(person: Person) -> tuple[str, ...]:
    return (person.mailbox or "", *person.proxy_addresses)


def _names(person: Person) -> tuple[str, ...]:
    return (person.display_name, *person.display_name.split(), person.mailbox or "")


def _type_of(person: Person, call: Call) -> str:
    is_remote = call.homes.is_remote(person.mailbox or "")
    return call.behaviour.remote_mailbox_type if is_remote else person.mailbox_type


def _resolution(person: Person, mailbox_type: str, *, in_full: bool) -> Element:
    mailbox = T(
        "Mailbox",
        T("Name", person.display_name),
        T("EmailAddress", person.mailbox or ""),
        T("RoutingType", "SMTP"),
        T("MailboxType", mailbox_type),
    )
    return T("Resolution", mailbox, *([_contact(person)] if in_full else []))


def _contact(person: Person) -> Element:
    """Return the contact data, with the addresses as the directory stores them: the primary one with SMTP in
    capitals."""
    primary, *others = _addresses(person)
    proxies = [f"SMTP:{primary}", *(each if ":" in each else f"smtp:{each}" for each in others)]
    entries = [
        T("Entry", proxy, Key=f"EmailAddress{number}") for number, proxy in enumerate(proxies[:MOST_LISTED], start=1)
    ]
    return T(
        "Contact",
        T("DisplayName", person.display_name),
        T("EmailAddresses", *entries),
        T("ContactSource", "ActiveDirectory"),
    )
