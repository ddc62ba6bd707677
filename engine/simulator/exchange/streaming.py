"""Streaming subscriptions of the simulator, and their streaming responses (MS-OXWSNTIF)."""

import asyncio
import base64
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.simulator.exchange.items import change_key, item_id
from engine.simulator.exchange.soap import Element, M, Refusal, T, answer, failure, success
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import Ending, StreamEnds
from engine.simulator.world import CalendarItem, Edit, World
from engine.simulator.world.world import Entry

OPERATION = "GetStreamingEvents"
DECLARATION_ENDS = b"?>"


class BrokenOff(Exception):
    """Raised to abort the connection before the end of the response."""


class Stream:
    """The server's side of a streaming response, charged to `charged`: the account or the impersonated mailbox.

    `take` returns the pending notifications, `leave` is called at the end. A test may disturb it in many ways: `close`,
    `fail`, `cut`, `silence`, `say`, `beat`, `end_early`, and `chunk_bytes` for the size of the chunks.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        charged: str,
        *,
        take: Callable[[], list[Element]],
        leave: Callable[["Stream"], None],
    ) -> None:
        self.charged = charged
        self.chunk_bytes: int | None = None
        self._behaviour = behaviour
        self._take = take
        self._leave = leave
        self._more = asyncio.Event()
        self._said: list[bytes] = []
        self._reported: set[str] = set()
        self._ending: Element | None = None
        self._early: list[bytes] | None = None
        self._silent = False
        self._cut = False

    def wake(self) -> None:
        """Send the pending events."""
        self._more.set()

    def close(self) -> None:
        """End the answer in order, as after the requested time; the subscriptions remain."""
        self._end(success(OPERATION, M("ConnectionStatus", "Closed")))

    def fail(self, code: str) -> None:
        """End the answer with a response code."""
        problem = Refusal(code, "Simulated.")
        self._end(failure(OPERATION, problem, M("ConnectionStatus", "Closed")))

    def cut(self) -> None:
        """Abort the connection."""
        self._cut = True
        self.wake()

    def silence(self) -> None:
        """Send nothing more, and leave the connection open."""
        self._silent = True

    def say(self, content: bytes) -> None:
        """Send arbitrary bytes."""
        self._said.append(content)
        self.wake()

    def beat(self) -> None:
        """Send a heartbeat now."""
        self.say(self._heartbeat())

    def end_early(self, ends: StreamEnds, identifiers: Sequence[str]) -> None:
        """Send only what `ends` says, and end; `identifiers` are those of all subscriptions."""
        problem, closed = Refusal(ends.code, "Simulated."), M("ConnectionStatus", "Closed")
        signs = [success(OPERATION, M("ConnectionStatus", "OK"))] * ends.envelopes
        self._cut = ends.how is Ending.CUT
        match ends.how:
            case Ending.CLOSED:
                signs.append(success(OPERATION, closed))
            case Ending.UNKNOWN:
                ids = M("ErrorSubscriptionIds", *(T("SubscriptionId", each) for each in identifiers))
                signs.append(failure(OPERATION, problem, ids, closed))
            case Ending.CODE:
                signs.append(failure(OPERATION, problem, closed))
            case Ending.HALF | Ending.CUT | Ending.SILENTLY:
                pass
        self._early = [_envelope(each) for each in signs]
        if ends.how is Ending.HALF:
            self._early.append(self._heartbeat()[:200])

    def report(self, identifiers: Sequence[str]) -> None:
        """Report these subscriptions as unknown; the others on the connection get no more events."""
        problem = Refusal("ErrorSubscriptionNotFound", "The subscription was not found.")
        lost = M("ErrorSubscriptionIds", *(T("SubscriptionId", each) for each in identifiers))
        self._reported.update(identifiers)
        self.say(_envelope(failure(OPERATION, problem, lost)))

    async def chunks(self, seconds: float) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of the answer until its time is over. Raises BrokenOff to abort the connection."""
        loop = asyncio.get_running_loop()
        over = loop.time() + seconds
        try:
            if self._early is not None:
                for envelope in self._early:
                    yield envelope
                if self._cut:
                    raise BrokenOff
                return
            yield _envelope(success(OPERATION, M("ConnectionStatus", "OK")))
            while self._ending is None:
                for envelope in self._due():
                    for piece in _pieces(envelope, self.chunk_bytes):
                        yield piece
                self._more.clear()
                if self._ending is None:
                    await self._wait(min(self._behaviour.heartbeat_seconds, over - loop.time()))
                if self._cut:
                    raise BrokenOff
                if loop.time() >= over:
                    self.close()
            if not self._silent:
                yield self._follow_up(self._ending)
        finally:
            self._leave(self)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._more.wait()
        except TimeoutError:
            self._said.append(self._heartbeat())

    def _due(self) -> list[bytes]:
        if self._silent:
            self._said.clear()
            return []
        due, self._said = self._said, []
        if not self._reported and (notifications := self._take()):
            due.append(self._follow_up(success(OPERATION, M("Notifications", *notifications))))
        return due

    def _heartbeat(self) -> bytes:
        content = [M("ConnectionStatus", "OK")]
        if self._behaviour.heartbeats_with_status_event:
            status = T("Notification", T("SubscriptionId", "heartbeat"), T("StatusEvent", T("Watermark", "AAAA")))
            content.insert(0, M("Notifications", status))
        return self._follow_up(success(OPERATION, *content))

    def _follow_up(self, message: Element) -> bytes:
        envelope = _envelope(message)
        if self._behaviour.declares_every_envelope:
            return envelope
        return envelope.partition(DECLARATION_ENDS)[2].lstrip()

    def _end(self, message: Element) -> None:
        if self._ending is None:
            self._ending = message
        self.wake()


def _envelope(message: Element) -> bytes:
    return answer(OPERATION, [message]).body


def _pieces(content: bytes, size: int | None) -> Sequence[bytes]:
    size = size or len(content)
    return [content[start : start + size] for start in range(0, len(content), size)]


FOLDER_ID = base64.b64encode(b"the one calendar folder").decode()
EVENTS = {Edit.ADDED: "CreatedEvent", Edit.CHANGED: "ModifiedEvent", Edit.REMOVED: "DeletedEvent"}


@dataclass(slots=True)
class Subscription:
    """A subscription to one calendar. `waiting` are the events that no connection has taken yet."""

    id: str
    mailbox: str
    back_end: str
    events: frozenset[str]
    asked_for: datetime
    waiting: list[Element] = field(default_factory=list)
    stream: Stream | None = None


class Subscriptions:
    """All subscriptions of the server and the connections that carry them; `now` is used to expire unused ones."""

    def __init__(self, world: World, behaviour: Behaviour, now: Callable[[], datetime]) -> None:
        self._behaviour = behaviour
        self._now = now
        self._all: dict[str, Subscription] = {}
        self.streams: list[Stream] = []
        world.listen(self._edited)

    def of(self, mailbox: str) -> list[Subscription]:
        """Return the active subscriptions to a mailbox."""
        self._expire()
        return [each for each in self._all.values() if each.mailbox == mailbox.casefold()]

    def subscribe(self, mailbox: str, back_end: str, events: Sequence[str]) -> str:
        """Return the id of a new subscription. Raises Refusal if the mailbox has too many."""
        if len(self.of(mailbox)) >= self._behaviour.subscriptions_per_mailbox:
            raise Refusal("ErrorExceededSubscriptionCount", "You have exceeded the available subscriptions.")
        identifier = base64.b64encode(f"{back_end}/{uuid.uuid4()}".encode()).decode()
        self._all[identifier] = Subscription(
            identifier, mailbox.casefold(), back_end, frozenset(events), asked_for=self._now()
        )
        return identifier

    def unsubscribe(self, identifier: str) -> None:
        """End a subscription. Raises Refusal if there is none with that id."""
        if self._all.pop(identifier, None) is None:
            raise Refusal("ErrorSubscriptionNotFound", "The subscription was not found.")

    def connect(self, identifiers: Sequence[str], back_end: str, mailbox: str | None, account: str) -> Stream:
        """Return a connection for subscriptions, which takes them over from any other connection.

        It is charged to the impersonated `mailbox`, or to the account. Raises Refusal if that has too many connections,
        or if there are too many mailboxes on this one.
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
        """Drop the subscriptions of some mailboxes, or of all, as a restarted server does."""
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
        """Return the events of a change: of the item, or the series of an occurrence, and of the folder."""
        item = entry if isinstance(entry, CalendarItem) else entry.first
        changed = T("ItemId", Id=item_id(mailbox, item), ChangeKey=change_key(item))
        folder = T("FolderId", Id=FOLDER_ID, ChangeKey=FOLDER_ID[:8])
        pairs = [("ModifiedEvent", folder)]
        if not self._behaviour.folder_events_only:
            pairs.insert(0, (EVENTS[edit], changed))
        return [_event(name, what) for name, what in pairs if name in wanted]


def _event(name: str, what: Element) -> Element:
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    return T(name, T("TimeStamp", f"{now}Z"), what, T("ParentFolderId", Id=FOLDER_ID, ChangeKey=FOLDER_ID[:8]))
