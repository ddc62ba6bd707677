"""The EWS operations this server has: each takes the request element and the mailbox it is about, gives messages."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from engine.simulator.exchange.calls import Call
from engine.simulator.exchange.folders import CALENDAR, read_folder
from engine.simulator.exchange.item_ids import ITEM, read_id
from engine.simulator.exchange.properties import NOT_IN_FIND_ITEM, Shape
from engine.simulator.exchange.soap import NAMESPACES, M, Refusal, T, failure, schema_violation, success
from engine.simulator.exchange.xml import Element
from engine.simulator.world import CalendarItem
from engine.simulator.world.items import Entry, Series

TWO_YEARS = timedelta(days=2 * 366)
FIND_COUNT_LIMIT = 1000
"""EWSFindCountLimit of the default throttling policy: more items than that are left off without an error."""


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
    """Return a series as the one item that it is stored as, wherever that lies; singles are as in any view."""
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
    """Return a bound of the view; without a zone it is meant in the request's TimeZoneContext, which is UTC here."""
    try:
        instant = datetime.fromisoformat(view.get(name, ""))
    except ValueError as error:
        raise schema_violation(f"{name} is not a date and time") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
