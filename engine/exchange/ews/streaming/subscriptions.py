"""Subscriptions of all mailboxes: their groups, retries and cooldowns, and debouncing of changes."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from random import Random
from urllib.parse import urlsplit

from engine.core.backoff import Backoffs, Pauses
from engine.core.clock import Clock
from engine.exchange.errors import ExchangeFailure
from engine.exchange.ews.client import Affinity, EwsClient
from engine.exchange.ews.soap import Impersonation
from engine.exchange.ews.streaming.groups import ServerLocation, SubscriptionGroup, SubscriptionGroups
from engine.exchange.ews.streaming.listener import Listener
from engine.exchange.ews.streaming.protocol import unsubscribe
from engine.exchange.retry import SUBSCRIBE_LATER, Subscribing, policy_of
from engine.exchange.source import ChangeCallback, Mailbox, Priority, SubscriptionStatus


@dataclass(frozen=True, slots=True)
class _Block:
    until: datetime
    reason: str


class Blocklist:
    """Blocked keys, each with a reason; a key that is blocked again is blocked for longer."""

    def __init__(self, pauses: Pauses, clock: Clock, random: Random) -> None:
        self._pauses = pauses
        self._clock = clock
        self._backoffs = Backoffs(random)
        self._bars: dict[Hashable, _Block] = {}

    def block(self, key: Hashable, reason: str) -> None:
        """Block `key` for a while."""
        self._bars[key] = _Block(self._clock.now() + self._backoffs.next(key, self._pauses), reason)

    def unblock(self, key: Hashable) -> None:
        """Unblock `key` and forget how often it was blocked."""
        self._bars.pop(key, None)
        self._backoffs.reset(key)

    def reason(self, key: Hashable) -> str:
        """Return why `key` is blocked, "" if it is not."""
        bar = self._bars.get(key)
        return bar.reason if bar is not None and self._clock.now() < bar.until else ""


PAUSE = timedelta(seconds=1)
"""The time between the first event and the read that it causes, which covers all events in between."""


class Debounce:
    """Reports each address once, `PAUSE` after it was first noted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, datetime] = {}
        self._noted = asyncio.Event()

    def note(self, address: str) -> None:
        """Have `address` reported in a moment."""
        self._due.setdefault(address, self._clock.now() + PAUSE)
        self._noted.set()

    async def run(self, tell: Callable[[str], None]) -> None:
        """Report addresses until cancelled."""
        while True:
            while self._due:
                # All pauses are equal, so the oldest address is due first.
                address, due = next(iter(self._due.items()))
                await self._clock.sleep_until(due)
                del self._due[address]
                tell(address)
            self._noted.clear()
            await self._noted.wait()


LASTING = timedelta(minutes=10)
"""A subscription that lasted this long has worked: when it ends, that is not a repeated failure."""

MOST_IN_COMPANY = 2
"""A single refusal may come from a restart of the server between two requests; a second one does not."""

MOST_UNNAMED = 8
"""Refusals of a whole group: so many reduce the 200 mailboxes on one connection to one."""


class Next(Enum):
    """How a mailbox is subscribed to after a strike."""

    IN_COMPANY = auto()
    ALONE = auto()
    LATER = auto()


class Strikes:
    """Counts failed subscriptions by address; the count is reset when a subscription has lasted."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._since: dict[str, datetime] = {}

    def subscribed(self, address: str, now: datetime) -> None:
        """Note a new subscription."""
        self._since[address] = now

    def since(self, address: str) -> datetime | None:
        """Return when a mailbox was subscribed to, None if it is not."""
        return self._since.get(address)

    def ended(self, address: str) -> None:
        """Note that there is no subscription any more, whatever the reason."""
        self._since.pop(address, None)

    def lived_long(self, address: str, now: datetime) -> bool:
        """Return whether the present subscription has lasted long enough to count as working."""
        since = self._since.get(address)
        return since is not None and now - since >= LASTING

    def strike(self, address: str, *, was_alone: bool, by_name: bool) -> Next:
        """Count a subscription that was refused, alone or in a group, or soon lost; return how to subscribe next."""
        count = self._counts[address] = self._counts.get(address, 0) + 1
        if count > MOST_UNNAMED or (was_alone and count > MOST_IN_COMPANY):
            return Next.LATER
        return Next.ALONE if by_name and count >= MOST_IN_COMPANY else Next.IN_COMPANY

    def has_any(self, address: str) -> bool:
        """Return whether the last subscription failed, so that the next one has to prove itself."""
        return address in self._counts

    def is_alone(self, address: str) -> bool:
        """Return whether a mailbox gets a connection of its own."""
        return self._counts.get(address, 0) >= MOST_IN_COMPANY

    def forgive(self, address: str) -> None:
        """Reset the count of a mailbox."""
        self._counts.pop(address, None)


logger = logging.getLogger(__name__)

REFUSALS = 2
"""So many refusals in a row are no coincidence; a single one may come from a restart of the server."""

NO_ROOM = "the maximum number of connections for notifications is in use"
NOT_YET = "the connection for its notifications has not been open long enough"
SUBSCRIPTION_ENDS = "the server repeatedly ends its subscription soon after it was made"
_AS_READING = (Subscribing.AS_READING, Subscribing.OF_THE_MAILBOX)
STREAMS_NOTHING = "the server refuses connections for notifications, even for a single mailbox"


class Watcher:
    """All groups and their connections. `where` returns the location of a mailbox; addresses are compared in lower
    case.

    `own_connections` is the number that the service account may open in its own name; with more groups than that,
    each connection is opened in the name of its anchor.
    """

    def __init__(
        self,
        client: EwsClient,
        where: Callable[[Mailbox], Awaitable[ServerLocation]],
        *,
        limit: int,
        own_connections: int,
        clock: Clock,
        random: Random,
    ) -> None:
        self._client = client
        self._where = where
        self._clock = clock
        self._random = random
        self._groups = SubscriptionGroups(limit)
        self._own_connections = own_connections
        self._listeners: dict[SubscriptionGroup, Listener] = {}
        self._work: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._debounce = Debounce(clock)
        self._tell: ChangeCallback = lambda address, urgency: None
        self._refusals: Counter[ServerLocation] = Counter()
        self._barred_places: set[ServerLocation] = set()
        self._refused_alone: dict[ServerLocation, set[str]] = {}
        self._bars = Blocklist(SUBSCRIBE_LATER, clock, random)
        self._why_not: dict[str, str] = {}
        self._places: dict[str, ServerLocation] = {}
        self._strikes = Strikes()

    async def watch(self, mailbox: Mailbox) -> Mailbox:
        """Subscribe to a mailbox unless it is subscribed to, and return it with its present location.

        Raises failures that also concern reading the mailbox, but none that only prevents notifications.
        """
        address = mailbox.address.lower()
        group = self._groups.group_of(address)
        if (group is not None and address in group.subscriptions) or self._bars.reason(address):
            return mailbox
        if self._refused_at(address):
            return mailbox
        place = self._places[address] = await self._where(mailbox)
        found = replace(mailbox, url=place.url)
        if self._refused_at(address):
            return found
        group = self._groups.group_of(address) or self._groups.add(
            address, place, self._clock.now(), alone=self._strikes.is_alone(address)
        )
        if group is None:
            self._why_not[address] = NO_ROOM
            return found
        try:
            await self._listener(group).subscribe(address)
        except ExchangeFailure as failure:
            self.drop(address)
            if policy_of(type(failure)).subscribing in _AS_READING:
                raise
            self._bars.block(address, str(failure))
        else:
            self._strikes.subscribed(address, self._clock.now())
            self._why_not.pop(address, None)
        return found

    def unwatch(self, address: str) -> None:
        """End a mailbox's subscription, and forget all its failures."""
        address = address.lower()
        self._end(address)
        self._bars.unblock(address)
        self._why_not.pop(address, None)
        self._places.pop(address, None)
        self._strikes.forgive(address)

    def drop(self, address: str) -> str | None:
        """Forget a mailbox's subscription and return its id, None if there was none."""
        address = address.lower()
        group = self._groups.group_of(address)
        identifier = self._groups.remove(address)
        self._strikes.ended(address)
        if group is not None:
            self._listeners[group].wake()
            if not group.members:
                del self._listeners[group]
        return identifier

    def is_watched(self, address: str) -> bool:
        """Return whether changes of a mailbox are reported: a connection carries its subscription and has proved to."""
        address = address.lower()
        group = self._groups.group_of(address)
        if group is None or not self._listeners[group].trusted:
            return False
        identifier = group.subscriptions.get(address)
        return identifier in group.heard and not (identifier in group.fresh and self._strikes.has_any(address))

    def following(self, address: str) -> SubscriptionStatus:
        """Return whether and how a mailbox is watched, or why not."""
        address = address.lower()
        group = self._groups.group_of(address)
        if group is None or address not in group.subscriptions:
            return SubscriptionStatus(why_not=self._bars.reason(address) or self._why_not.get(address, ""))
        is_watched = self.is_watched(address)
        why_not = "" if is_watched else self._listeners[group].trouble or NOT_YET
        return SubscriptionStatus(is_watched, group.anchor, self._strikes.since(address), why_not)

    def refused_everywhere(self) -> str:
        """Return why no notifications are requested from some server at present, "" if they are from all."""
        reasons = {self._bars.reason(place): place.url for place in self._barred_places}
        return next((f"{urlsplit(url).hostname}: {reason}" for reason, url in reasons.items() if reason), "")

    async def run(self, tell: ChangeCallback) -> None:
        """Listen until cancelled. May be run again after an internal error ended it; it then resumes its work."""
        self._tell = tell
        async with asyncio.TaskGroup() as group:
            group.create_task(self._debounce.run(lambda address: tell(address, Priority.NOW)))
            while True:
                work = await self._work.get()
                group.create_task(_run(work)).add_done_callback(partial(self._take_up, work))

    def _take_up(self, work: Callable[[], Awaitable[None]], ended: asyncio.Task[None]) -> None:
        if ended.cancelled() or ended.exception() is not None:
            self._work.put_nowait(work)

    def changed(self, address: str) -> None:
        """Implements `ListenerCallbacks`."""
        self._debounce.note(address)

    def missed(self, addresses: Collection[str]) -> None:
        """Implements `ListenerCallbacks`."""
        for address in addresses:
            self._tell(address, Priority.LATER)

    def lost(self, addresses: Collection[str]) -> None:
        """Implements `ListenerCallbacks`: subscribes again, at once if the subscription had lasted, else as after a
        refusal.

        A subscription that is lost soon may exist on another server than the one our requests were routed to.
        """
        for address in list(addresses):
            lived_long = self._strikes.lived_long(address, self._clock.now())
            self._strike(address, SUBSCRIPTION_ENDS, by_name=True)
            if lived_long:
                self.drop(address)
            else:
                self._end(address)
            self._tell(address, Priority.SOON)

    def accepted(self, group: SubscriptionGroup) -> None:
        """Implements `ListenerCallbacks`."""
        self._refusals.pop(group.place, None)
        self._refused_alone.pop(group.place, None)
        self._barred_places.discard(group.place)
        self._bars.unblock(group.place)

    def refused(self, group: SubscriptionGroup, addresses: Collection[str], code: str, *, by_name: bool) -> None:
        """Implements `ListenerCallbacks`: a mailbox that is named repeatedly is tried alone, impersonated, and then
        only
        later.

        If none is named, their number may be the reason: groups are made smaller after the second refusal. If even
        single mailboxes are refused, the server is not asked for notifications for a while.
        """
        addresses = list(addresses)
        if group.alone:
            self._note_refused_alone(group.place, addresses, code)
        elif not by_name:
            self._refusals[group.place] += 1
            if self._refusals[group.place] >= REFUSALS:
                self._groups.reduce(group.place, len(group.members), self._clock.now())
                self._refusals[group.place] = 0
        for address in addresses:
            self._strike(address, f"{STREAMS_NOTHING} ({code})", by_name=by_name)
            self._end(address)
            self._tell(address, Priority.SOON)

    def impersonates(self, group: SubscriptionGroup) -> bool:
        """Implements `ListenerCallbacks`."""
        return group.alone or len(self._groups) > self._own_connections

    def _note_refused_alone(self, place: ServerLocation, addresses: Collection[str], code: str) -> None:
        refused = self._refused_alone.setdefault(place, set())
        refused.update(addresses)
        works = any(each.place == place and each.heard - each.fresh for each in self._groups)
        if len(refused) >= REFUSALS and not works:
            self._bars.block(place, f"{STREAMS_NOTHING} ({code})")
            self._barred_places.add(place)
            refused.clear()

    def _strike(self, address: str, reason: str, *, by_name: bool) -> None:
        group = self._groups.group_of(address)
        was_alone = group is not None and group.alone
        if self._strikes.lived_long(address, self._clock.now()):
            self._strikes.forgive(address)
            self._bars.unblock(address)
        if self._strikes.strike(address, was_alone=was_alone, by_name=by_name) is Next.LATER:
            self._bars.block(address, reason)

    def _end(self, address: str) -> None:
        group = self._groups.group_of(address)
        identifier = self.drop(address)
        if group is not None and identifier is not None:
            self._work.put_nowait(lambda: self._unsubscribe(group, address, identifier))

    def _refused_at(self, address: str) -> bool:
        """Return whether the server of a mailbox is not asked for notifications at present."""
        reason = self._bars.reason(self._places.get(address))
        if reason:
            self._why_not[address] = reason
        return bool(reason)

    def _listener(self, group: SubscriptionGroup) -> Listener:
        listener = self._listeners.get(group)
        if listener is None:
            listener = Listener(group, self._client, self._clock, self._random, self)
            self._listeners[group] = listener
            self._work.put_nowait(listener.run)
        return listener

    async def _unsubscribe(self, group: SubscriptionGroup, address: str, identifier: str) -> None:
        affinity = Affinity(group.anchor, group.cookie)
        try:
            await self._client.call(group.place.url, unsubscribe(identifier), Impersonation(address), affinity)
        except ExchangeFailure:
            pass  # the subscription expires by itself
        except Exception:
            logger.exception("ending a subscription of %s", group.anchor)


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
