"""Subscriptions to calendars and what waits in them; how the world's edits become events (MS-OXWSNTIF)."""

import base64
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.simulator.exchange.behaviour import Behaviour
from engine.simulator.exchange.item_ids import change_key, item_id
from engine.simulator.exchange.soap import Refusal, T
from engine.simulator.exchange.stream import Stream
from engine.simulator.exchange.xml import Element
from engine.simulator.faults import Ending, StreamEnds
from engine.simulator.world import CalendarItem, Edit, World
from engine.simulator.world.items import Entry

FOLDER_ID = base64.b64encode(b"the one calendar folder").decode()
EVENTS = {Edit.ADDED: "CreatedEvent", Edit.CHANGED: "ModifiedEvent", Edit.REMOVED: "DeletedEvent"}


@dataclass(slots=True)
class Subscription:
    """One mailbox's calendar, told to one subscriber. `waiting` are the events that no connection has taken yet."""

    id: str
    mailbox: str
    back_end: str
    events: frozenset[str]
    asked_for: datetime
    waiting: list[Element] = field(default_factory=list)
    stream: Stream | None = None


class Subscriptions:
    """All subscriptions of the server and the connections that carry them; `now` tells how long nobody asked."""

    def __init__(self, world: World, behaviour: Behaviour, now: Callable[[], datetime]) -> None:
        self._behaviour = behaviour
        self._now = now
        self._all: dict[str, Subscription] = {}
        self.streams: list[Stream] = []
        world.listen(self._edited)

    def of(self, mailbox: str) -> list[Subscription]:
        """Return the subscriptions to a mailbox that are alive."""
        self._expire()
        return [each for each in self._all.values() if each.mailbox == mailbox.casefold()]

    def subscribe(self, mailbox: str, back_end: str, events: Sequence[str]) -> str:
        """Return the id of a new subscription. Raises Refusal when the mailbox has too many."""
        if len(self.of(mailbox)) >= self._behaviour.subscriptions_per_mailbox:
            raise Refusal("ErrorExceededSubscriptionCount", "You have exceeded the available subscriptions.")
        identifier = base64.b64encode(f"{back_end}/{uuid.uuid4()}".encode()).decode()
        self._all[identifier] = Subscription(
            identifier, mailbox.casefold(), back_end, frozenset(events), asked_for=self._now()
        )
        return identifier

    def unsubscribe(self, identifier: str) -> None:
        """End a subscription. Raises Refusal when there is none of that id."""
        if self._all.pop(identifier, None) is None:
            raise Refusal("ErrorSubscriptionNotFound", "The subscription was not found.")

    def connect(self, identifiers: Sequence[str], back_end: str, mailbox: str | None, account: str) -> Stream:
        """Return a connection for subscriptions, which takes them away from any other.

        It is charged to the impersonated `mailbox`, or to the account. Raises Refusal for too many connections of one
        of them, and for too many mailboxes in one connection.
        """
        self._expire()
        charged = mailbox or account
        if sum(stream.charged == charged for stream in self.streams) >= self._behaviour.hanging_connections:
            raise Refusal("ErrorExceededConnectionCount", "You have exceeded the available concurrent connections.")
        found = [self._all[each] for each in identifiers if each in self._all]
        here = [each for each in found if each.back_end == back_end and self._belongs_to(each, mailbox)]
        if len({each.mailbox for each in here}) > self._behaviour.mailboxes_per_stream:
            raise Refusal("ErrorInvalidSubscription", "The subscriptions belong to different mailboxes.")
        stream = Stream(self._behaviour, charged, take=lambda: self._take(here), leave=self._leave)
        lost = [each for each in identifiers if each not in {one.id for one in here}]
        if lost and self._behaviour.unknown_subscriptions == "refused":
            stream.end_early(StreamEnds(Ending.UNKNOWN, envelopes=0), lost)
        elif lost:
            stream.report(lost)
        for subscription in here:
            if subscription.stream is not None:
                subscription.stream.fail("ErrorNewEventStreamConnectionOpened")
            subscription.stream = stream
        self.streams.append(stream)
        return stream

    def lose(self, *mailboxes: str) -> None:
        """Forget the subscriptions of some mailboxes, or all of them, as a server does that is restarted."""
        gone = [one for one in self._all.values() if not mailboxes or one.mailbox in map(str.casefold, mailboxes)]
        for subscription in gone:
            del self._all[subscription.id]
        for stream in list(self.streams):
            lost = [one.id for one in gone if one.stream is stream]
            if lost:
                stream.report(lost)

    def _belongs_to(self, subscription: Subscription, mailbox: str | None) -> bool:
        return not self._behaviour.subscriptions_of_the_impersonated or subscription.mailbox == mailbox

    def _expire(self) -> None:
        now, last = self._now(), self._behaviour.unconnected_subscriptions_last
        for subscription in list(self._all.values()):
            if subscription.stream is None and now - subscription.asked_for > last:
                del self._all[subscription.id]

    def _take(self, subscriptions: Sequence[Subscription]) -> list[Element]:
        notifications = []
        for subscription in subscriptions:
            if subscription.waiting:
                events, subscription.waiting = subscription.waiting, []
                notifications.append(T("Notification", T("SubscriptionId", subscription.id), *events))
        return notifications

    def _leave(self, stream: Stream) -> None:
        self.streams.remove(stream)
        for subscription in self._all.values():
            if subscription.stream is stream:
                subscription.stream, subscription.asked_for = None, self._now()

    def _edited(self, mailbox: str, edit: Edit, entry: Entry) -> None:
        for subscription in self._all.values():
            if subscription.mailbox == mailbox:
                subscription.waiting += self._events(mailbox, edit, entry, subscription.events)
                if subscription.stream is not None:
                    subscription.stream.wake()

    def _events(self, mailbox: str, edit: Edit, entry: Entry, wanted: frozenset[str]) -> list[Element]:
        """A change of one occurrence is told as a change of its series; the folder changes with every item."""
        item = entry if isinstance(entry, CalendarItem) else entry.first
        told = T("ItemId", Id=item_id(mailbox, item), ChangeKey=change_key(item))
        folder = T("FolderId", Id=FOLDER_ID, ChangeKey=FOLDER_ID[:8])
        pairs = [("ModifiedEvent", folder)]
        if not self._behaviour.folder_events_only:
            pairs.insert(0, (EVENTS[edit], told))
        return [_event(name, what) for name, what in pairs if name in wanted]


def _event(name: str, what: Element) -> Element:
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    return T(name, T("TimeStamp", f"{now}Z"), what, T("ParentFolderId", Id=FOLDER_ID, ChangeKey=FOLDER_ID[:8]))
