"""Listens to one streaming connection and recovers after it is interrupted."""

import asyncio
import contextlib
import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import Enum
from random import Random
from typing import Protocol

from engine.core.backoff import Backoff
from engine.core.clock import Clock
from engine.exchange.errors import ExchangeFailure, ExchangeUnreachable, NotUnderstood
from engine.exchange.ews.client import Affinity, EwsClient
from engine.exchange.ews.soap import Impersonation
from engine.exchange.ews.streaming.groups import SubscriptionGroup
from engine.exchange.ews.streaming.protocol import (
    StreamEvents,
    get_streaming_events,
    stream_events,
    subscribe,
    subscription_id,
)
from engine.exchange.retry import LISTEN_AGAIN, Subscribing, policy_of


class Recovery(Enum):
    """What to do after the end of a stream."""

    GO_ON = "listen again at once, to the same subscriptions: nothing was missed"
    LISTEN_AGAIN = "listen again after a pause, then have all mailboxes read"
    WITHOUT_ANCHOR = "let another mailbox be the anchor, then listen again"
    SUBSCRIBE_AGAIN = "all subscriptions are lost: subscribe again, then read"
    REFUSED = "the server does not take these subscriptions on one connection"


def recovery_from(failure: ExchangeFailure | None, *, carried: bool, impersonated: bool) -> Recovery:
    """Return how to recover from `failure` (None: the server closed the answer in order).

    `carried` tells whether a connection has ever worked for any of the subscriptions, `impersonated` whether the
    request was made for the anchor.
    """
    if failure is None:
        return Recovery.GO_ON
    match policy_of(type(failure)).subscribing:
        case Subscribing.LOST:
            return Recovery.SUBSCRIBE_AGAIN if carried else Recovery.REFUSED
        case Subscribing.REFUSED if not carried:
            return Recovery.REFUSED
        case Subscribing.OF_THE_MAILBOX if impersonated:
            return Recovery.WITHOUT_ANCHOR
        case _:
            return Recovery.LISTEN_AGAIN


logger = logging.getLogger(__name__)

MINUTES = 30
"""The length of one answer: the most that the protocol allows."""

SILENCE = timedelta(seconds=120)
"""Exchange sends a heartbeat every 45 s; after this time without a byte the connection is dead."""

QUIET, LONGEST_WAIT = timedelta(seconds=2), timedelta(seconds=20)
"""New members are included once no other has joined for a moment, so that the group does not reconnect for each."""

STEADY = timedelta(seconds=30)
"""A connection that lasted this long has worked: a failure after it is not a repetition of the last one."""

PROOF = timedelta(seconds=5)
"""A connection that stays open this long carries its subscriptions: the server reports unknown ones sooner."""


class ListenerCallbacks(Protocol):
    """Callbacks for what happens to the members of a group, by their addresses."""

    def changed(self, address: str) -> None:
        """There was an event in this mailbox."""
        ...

    def missed(self, addresses: Collection[str]) -> None:
        """Events of these mailboxes may have been missed, or may be from now on."""
        ...

    def lost(self, addresses: Collection[str]) -> None:
        """The server no longer knows these subscriptions."""
        ...

    def accepted(self, group: SubscriptionGroup) -> None:
        """The server has accepted these subscriptions on one connection, which has been open for a while."""
        ...

    def refused(self, group: SubscriptionGroup, addresses: Collection[str], code: str, *, by_name: bool) -> None:
        """The server refuses the subscriptions of these members, which no connection has carried yet; `by_name` if it
        names them, so that their number is not the reason."""
        ...

    def impersonates(self, group: SubscriptionGroup) -> bool:
        """Return whether the connection has to be opened in the name of the anchor instead of the service account."""
        ...


class Listener:
    """The connection of one group. It is not `trusted` after it could not be opened or ended soon, for the reason in
    `trouble`; it is trusted again once a connection has stayed open for a while."""

    def __init__(
        self, group: SubscriptionGroup, client: EwsClient, clock: Clock, random: Random, owner: ListenerCallbacks
    ) -> None:
        self.group = group
        self.trusted = True
        self.trouble = ""
        self._client = client
        self._clock = clock
        self._owner = owner
        self._backoff = Backoff(random)
        self._founding = asyncio.Lock()
        self._woken = asyncio.Event()
        self._first_waiting: datetime | None = None
        self._last_joined = datetime.min.replace(tzinfo=UTC)
        self._missed: set[str] = set()
        self._heard = self._last_joined
        self._opened = asyncio.Event()
        self._ended_by_us = False

    async def subscribe(self, address: str) -> None:
        """Subscribe for a member; others wait for the first one, because its response has the cookie that they need.

        Raises the failure of the request.
        """
        if not self.group.subscriptions:
            async with self._founding:
                if not self.group.subscriptions:
                    await self._subscribe(address)
                    return
        await self._subscribe(address)

    def wake(self) -> None:
        """Look at the members again."""
        self._woken.set()

    async def run(self) -> None:
        """Listen for as long as the group has members. If an exception ends it, the connection is no longer trusted."""
        try:
            await self._run()
        except BaseException:
            self.trusted = False
            self._missed |= self.group.members
            raise

    async def _run(self) -> None:
        while self.group.members:
            await self._until_quiet()
            if not self.group.subscriptions:
                continue
            begun = self._clock.now()
            listening_to = dict(self.group.subscriptions)
            self._opened.clear()
            self._ended_by_us = False
            try:
                failure = await self._listen(listening_to)
            except Exception as internal_error:
                logger.exception("listening for %s", self.group.anchor)
                failure = NotUnderstood(type(internal_error).__name__)
            if self._clock.now() - begun >= STEADY:
                self._backoff.reset()
            await self._recover(failure, listening_to, begun)

    async def _subscribe(self, address: str) -> None:
        answer = await self._client.call(
            self.group.place.url, subscribe(), Impersonation(address), Affinity(self.group.anchor, self.group.cookie)
        )
        identifier = subscription_id(answer.content(answer.messages[0]))
        if address not in self.group.members:
            return
        self.group.cookie = self.group.cookie or answer.override_cookie
        self.group.subscriptions[address] = identifier
        self.group.fresh.add(identifier)
        self._last_joined = self._clock.now()
        self._first_waiting = self._first_waiting or self._last_joined
        self.wake()

    async def _until_quiet(self) -> None:
        while self.group.members and not self.group.subscriptions:
            self._woken.clear()
            await self._woken.wait()
        while self._first_waiting is not None:
            quiet = min(self._last_joined + QUIET, self._first_waiting + LONGEST_WAIT)
            if self._clock.now() >= quiet:
                self._first_waiting = None
            else:
                await self._clock.sleep_until(quiet)

    async def _listen(self, listening_to: dict[str, str]) -> ExchangeFailure | None:
        """Listen until the answer ends, is dead, or new members have to be included; return the failure, if any."""
        self._heard = self._clock.now()
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(listening_to))
            guards = [
                group.create_task(self._stop_when_silent(reading)),
                group.create_task(self._prove(listening_to)),
                group.create_task(self._stop_for_others(reading, set(listening_to.values()))),
            ]
            reading.add_done_callback(lambda _: [guard.cancel() for guard in guards])
        if not reading.cancelled():
            return reading.result()
        self._missed |= listening_to.keys() & self.group.members
        if self._ended_by_us:
            return None
        return ExchangeUnreachable(f"nothing was heard for {SILENCE.total_seconds():.0f} s")

    async def _read(self, listening_to: dict[str, str]) -> ExchangeFailure | None:
        anchor = Impersonation(self.group.anchor) if self._owner.impersonates(self.group) else None
        operation = get_streaming_events(list(listening_to.values()), MINUTES)
        affinity = Affinity(self.group.anchor, self.group.cookie)
        try:
            async with (
                self._client.listen(self.group.place.url, operation, anchor, affinity) as answers,
                contextlib.aclosing(answers),
            ):
                async for answer in answers:
                    self._heard = self._clock.now()
                    for message in answer.messages if answer is not None else ():
                        events = stream_events(message)
                        if self._is_last(events, message.code, listening_to):
                            return answer.failure(message) if answer is not None and events.failed else None
        except ExchangeFailure as failure:
            return failure
        return ExchangeUnreachable("the stream of notifications broke off")

    def _is_last(self, events: StreamEvents, code: str, listening_to: dict[str, str]) -> bool:
        """Process a message of an envelope; return whether it is the last one."""
        for identifier in events.changed:
            address = self.group.address_of(identifier)
            if address is not None:
                self._owner.changed(address)
        if events.lost:
            self._lose(set(events.lost), code, listening_to)
        elif events.failed is None:
            self._works(listening_to, is_proof=bool(events.changed))
        return bool(events.lost) or events.closed or events.failed is not None

    def _works(self, listening_to: dict[str, str], *, is_proof: bool) -> None:
        if not self._opened.is_set():
            self._opened.set()
            self.group.heard.update(self._still(listening_to).values())
        if is_proof:
            self._accepted(listening_to)
        if self.trusted:
            self._tell_missed()

    def _accepted(self, listening_to: dict[str, str]) -> None:
        self.group.fresh.difference_update(listening_to.values())
        self.trusted = True
        self.trouble = ""
        self._owner.accepted(self.group)

    async def _prove(self, listening_to: dict[str, str]) -> None:
        """Accept the connection after a while; the first envelope proves nothing, since the server may send it
        unchecked."""
        await self._opened.wait()
        await self._clock.sleep_until(self._clock.now() + PROOF)
        self._accepted(listening_to)
        self._tell_missed()

    def _tell_missed(self) -> None:
        if self._missed:
            missed, self._missed = self._missed, set()
            self._owner.missed(missed & self.group.members)

    def _still(self, listening_to: dict[str, str]) -> dict[str, str]:
        """Return the ids by address of those that are still members with the same subscription."""
        return {each: known for each, known in listening_to.items() if self.group.subscriptions.get(each) == known}

    def _lose(self, identifiers: set[str], code: str, listening_to: dict[str, str]) -> None:
        lost = {each: known for each, known in self._still(listening_to).items() if known in identifiers}
        # A lost subscription may also keep the others on the connection from delivering events.
        self._missed |= (listening_to.keys() & self.group.members) - lost.keys()
        refused = {each for each, known in lost.items() if known in self.group.fresh}
        if refused:
            self._owner.refused(self.group, refused, code, by_name=True)
        if refused != lost.keys():
            self._owner.lost(lost.keys() - refused)

    async def _recover(self, failure: ExchangeFailure | None, listening_to: dict[str, str], begun: datetime) -> None:
        carried = bool(set(listening_to.values()) - self.group.fresh)
        members = self._still(listening_to).keys()
        impersonated = self._owner.impersonates(self.group)
        if failure is not None:
            logger.info("notifications for %d calendars: %s", len(members), failure)
        match recovery_from(failure, carried=carried, impersonated=impersonated):
            case Recovery.GO_ON:
                if not self._ended_by_us and self._clock.now() - begun < STEADY:
                    await self._pause(None)
            case Recovery.LISTEN_AGAIN:
                self._missed |= members
                await self._pause(failure)
            case Recovery.WITHOUT_ANCHOR:
                self._missed |= members - {self.group.anchor}
                self._owner.refused(self.group, {self.group.anchor}, str(failure), by_name=True)
                await self._pause(failure)
            case Recovery.SUBSCRIBE_AGAIN:
                self._owner.lost(members)
                await self._pause(failure)
            case Recovery.REFUSED:
                self._owner.refused(self.group, members, str(failure), by_name=False)
                await self._pause(failure)

    async def _pause(self, failure: ExchangeFailure | None) -> None:
        if not self.group.members:
            return
        pause = self._backoff.next(LISTEN_AGAIN)
        if failure is not None and failure.retry_after is not None:
            pause = max(pause, timedelta(seconds=failure.retry_after))
        if not self._opened.is_set() or pause >= STEADY:
            self._distrust(failure)
        await self._clock.sleep_until(self._clock.now() + pause)

    def _distrust(self, failure: ExchangeFailure | None) -> None:
        """Have the members polled, because their changes are not reported in time."""
        if self.trusted:
            self.trusted = False
            how = "keeps ending" if self._opened.is_set() else "cannot be made"
            self.trouble = f"the connection for notifications {how}: {failure or 'the server closes it'}"
            self._owner.missed(set(self.group.members))

    async def _stop_when_silent(self, reading: "asyncio.Task[ExchangeFailure | None]") -> None:
        while (deadline := self._heard + SILENCE) > self._clock.now():
            await self._clock.sleep_until(deadline)
        reading.cancel()

    async def _stop_for_others(self, reading: "asyncio.Task[ExchangeFailure | None]", known: set[str]) -> None:
        """Reconnect to include new members, but not while connecting, which takes a moment or fails by itself."""
        await self._opened.wait()
        while self.group.members and known.issuperset(self.group.subscriptions.values()):
            self._woken.clear()
            await self._woken.wait()
        await self._until_quiet()
        self._ended_by_us = True
        reading.cancel()
