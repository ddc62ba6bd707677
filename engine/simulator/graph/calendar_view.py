"""The operation calendarView (learn.microsoft.com/graph/api/calendar-list-calendarview)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.simulator.faults import Effect, NextLink, ODataError, PagesOverlap
from engine.simulator.graph.errors import Refusal, bad_request
from engine.simulator.graph.events import PROPERTIES, View, event
from engine.simulator.graph.odata import (
    check_options,
    collection,
    date_and_time,
    next_link,
    page_of,
    selected,
    time_zone_preferred,
)
from engine.simulator.graph.request import GraphRequest
from engine.simulator.graph.tenant import Account, Level
from engine.simulator.windows_zones import iana_zone
from engine.simulator.world import World

USUAL_PAGE = 10
LARGEST_PAGE = 1000
LONGEST_WINDOW = timedelta(days=1825)


def calendar_view(
    request: GraphRequest, world: World, owner: Account, level: Level, effects: Sequence[Effect]
) -> dict[str, Any]:
    """Return a page of the events that overlap the window, series expanded. Raises Refusal."""
    check_options(request, "$select", "$top", "$skip")
    select = selected(request, "event", PROPERTIES)
    start, end = _window(request)
    page = page_of(request, usual=USUAL_PAGE, most=LARGEST_PAGE)
    items = world.occurrences(owner.mailbox, start, end)
    for item in items:
        if item.find_item_error:
            raise Refusal(ODataError(500, item.find_item_error, "An internal server error occurred."))
    view = _view(request, owner, level)
    overlap = page.skip > 0 and any(isinstance(effect, PagesOverlap) for effect in effects)
    shown = items[page.skip - overlap : page.skip + page.size]
    answer = collection(
        request, f"users('{owner.id}')/calendarView", select, [event(view, item, select) for item in shown]
    )
    link = next((effect for effect in effects if isinstance(effect, NextLink)), None)
    if link is not None:
        answer["@odata.nextLink"] = link.url or next_link(request)
    elif page.skip + page.size < len(items):
        answer["@odata.nextLink"] = next_link(request, skip=str(page.skip + page.size))
    return answer


def _view(request: GraphRequest, owner: Account, level: Level) -> View:
    name = time_zone_preferred(request)
    immutable = request.preference("idtype").casefold() == "immutableid"
    return View(owner, name, iana_zone(name) or ZoneInfo("UTC"), immutable, level)


def _window(request: GraphRequest) -> tuple[datetime, datetime]:
    """Return the window; an offset in a value counts, without one it is UTC. Raises Refusal."""
    texts = [request.options.get(name, "") for name in ("startdatetime", "enddatetime")]
    if not all(texts):
        raise bad_request(
            "This request requires a time window specified by the query string parameters StartDateTime and "
            "EndDateTime.",
            "ErrorInvalidParameter",
        )
    start, end = (_instant(text) for text in texts)
    if end < start:
        raise bad_request("EndDate is earlier than StartDate.", "ErrorCalendarEndDateIsEarlierThanStartDate")
    if end - start > LONGEST_WINDOW:
        message = f"The range between the start and end dates is over {LONGEST_WINDOW.days} days."
        raise bad_request(message, "ErrorCalendarViewRangeTooBig")
    return start, end


def _instant(text: str) -> datetime:
    moment = date_and_time(text, "startDateTime, endDateTime")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
