"""The EWS operations around notifications: Subscribe, Unsubscribe, GetStreamingEvents (MS-OXWSNTIF)."""

from collections.abc import Iterator

from engine.simulator.exchange.calls import Call
from engine.simulator.exchange.folders import CALENDAR, read_folder
from engine.simulator.exchange.soap import NAMESPACES, M, Refusal, failure, success
from engine.simulator.exchange.stream import Stream
from engine.simulator.exchange.xml import Element

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
    """Return the subscriptions that GetStreamingEvents is about."""
    path = "m:SubscriptionIds/t:SubscriptionId"
    return [element.text or "" for element in call.request.findall(path, NAMESPACES)]


def open_stream(call: Call) -> tuple[Stream, int]:
    """Return the connection that GetStreamingEvents asks for, and for how many minutes. Raises Refusal."""
    identifiers = subscription_ids(call)
    minutes = int(call.request.findtext("m:ConnectionTimeout", "0", NAMESPACES))
    if not 1 <= minutes <= LONGEST_MINUTES or not 1 <= len(identifiers) <= MOST_IDS:
        raise Refusal("ErrorInvalidRequest", "At most 200 subscriptions and 30 minutes.")
    back_end = call.homes.back_end(call.route, call.mailbox)
    led_right = not call.behaviour.affinity_cookie_required or call.homes.knows(call.route.cookie)
    if not led_right or not call.behaviour.affinity_works:
        back_end = "some other back end"
    return call.subscriptions.connect(identifiers, back_end, call.mailbox, call.account), minutes
