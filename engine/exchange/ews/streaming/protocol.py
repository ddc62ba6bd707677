"""Streaming notification requests and responses (MS-OXWSNTIF). No I/O."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.exchange.errors import NotUnderstood
from engine.exchange.ews.safe_xml import Element, markup, text_of
from engine.exchange.ews.soap import MESSAGES, ResponseMessage

_SUBSCRIBE = (
    b'<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId Id="calendar"/></t:FolderIds>'
    b"<t:EventTypes><t:EventType>CopiedEvent</t:EventType><t:EventType>CreatedEvent</t:EventType>"
    b"<t:EventType>DeletedEvent</t:EventType><t:EventType>ModifiedEvent</t:EventType>"
    b"<t:EventType>MovedEvent</t:EventType></t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>"
)
_UNSUBSCRIBE = b"<m:Unsubscribe><m:SubscriptionId>%b</m:SubscriptionId></m:Unsubscribe>"
_GET_EVENTS = (
    b"<m:GetStreamingEvents><m:SubscriptionIds>%b</m:SubscriptionIds>"
    b"<m:ConnectionTimeout>%d</m:ConnectionTimeout></m:GetStreamingEvents>"
)
_SUBSCRIPTION_ID = "{*}SubscriptionId"
# Some servers put one into their heartbeats.
_NO_CHANGE = "StatusEvent"


@dataclass(frozen=True, slots=True)
class StreamEvents:
    """The content of one envelope of the stream. All ids are of subscriptions.

    `changed` had an event, on an item or on the folder. `lost` are no longer known to the server. `closed`: the
    server ends this answer in order. `failed` is the response message of an answer that ends with an error.
    """

    changed: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    closed: bool = False
    failed: ResponseMessage | None = None


def subscribe() -> bytes:
    """Return the operation that subscribes to the calendar of the impersonated mailbox."""
    return _SUBSCRIBE


def subscription_id(message: Element) -> str:
    """Return the id in a successful response message of Subscribe."""
    identifier = text_of(message, f"{MESSAGES}SubscriptionId")
    if not identifier:
        raise NotUnderstood("Subscribe answered without a subscription")
    return identifier


def unsubscribe(identifier: str) -> bytes:
    """Return the operation that ends a subscription."""
    return _UNSUBSCRIBE % markup(identifier)


def get_streaming_events(identifiers: Sequence[str], minutes: int) -> bytes:
    """Return the operation that listens to 1 to 200 subscriptions for 1 to 30 `minutes`."""
    ids = b"".join(b"<t:SubscriptionId>%b</t:SubscriptionId>" % markup(identifier) for identifier in identifiers)
    return _GET_EVENTS % (ids, minutes)


def stream_events(message: ResponseMessage) -> StreamEvents:
    """Read a response message of GetStreamingEvents.

    Children are found by their names alone, because the schema and the documentation differ in their namespaces.
    """
    notifications = message.element.iterfind("{*}Notifications/{*}Notification")
    lost = _texts(message.element.iterfind(f"{{*}}ErrorSubscriptionIds/{_SUBSCRIPTION_ID}"))
    return StreamEvents(
        changed=tuple(text_of(each, _SUBSCRIPTION_ID) for each in notifications if _tells_of_a_change(each)),
        lost=lost,
        closed=text_of(message.element, "{*}ConnectionStatus") == "Closed",
        failed=message if message.failed and not lost else None,
    )


def _tells_of_a_change(notification: Element) -> bool:
    names = (str(child.tag).rpartition("}")[2] for child in notification)
    return any(name.endswith("Event") and name != _NO_CHANGE for name in names)


def _texts(elements: Iterable[Element]) -> tuple[str, ...]:
    return tuple((element.text or "").strip() for element in elements)


MAX_ENVELOPE = 16 * 1024 * 1024
"""The most bytes of one envelope; no Exchange server sends more."""

# Exchange escapes `<` in texts, so this always is the end of an envelope.
_END = re.compile(rb"</(?:[^\s<>/:]{1,100}:)?Envelope\s{0,100}>")
_LONGEST_END = 256


class EnvelopeSplitter:
    """Splits a stream of bytes into envelopes, whatever prefix their elements have.

    The answer is not one XML document but a sequence of them, with or without declarations (MS-OXWSNTIF).
    """

    def __init__(self, limit: int = MAX_ENVELOPE) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the envelopes that `chunk` completes. Raises `NotUnderstood` if one exceeds the limit."""
        self._rest += chunk
        while (end := _END.search(self._rest, self._searched)) is not None:
            envelope = bytes(self._rest[: end.end()])
            del self._rest[: end.end()]
            self._searched = 0
            yield envelope.lstrip()
        if len(self._rest) > self._limit:
            raise NotUnderstood(f"a notification of more than {self._limit} bytes")
        self._searched = max(0, len(self._rest) - _LONGEST_END)
