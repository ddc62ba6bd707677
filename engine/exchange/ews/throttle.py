"""Keeps the pauses that Exchange asks for, each for those it was meant for, and sends a busy server less at once."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random
from urllib.parse import urlsplit

from anyio import CapacityLimiter

from engine.core.backoff import Backoffs
from engine.core.clock import Clock
from engine.exchange.concurrency import Concurrency
from engine.exchange.failures import ExchangeBusy, MailboxBusy, ServiceAccountBusy
from engine.exchange.ration import A_VISIT, OF_A_MAILBOX, OF_A_SERVER, OF_THE_ACCOUNT, Ration
from engine.exchange.retry import Concerns, policy_of

LATELY = timedelta(minutes=5)
"""How long it is said of a mailbox that it had to wait."""


class Throttle:
    """Three budgets can be used up (Microsoft, "EWS throttling in Exchange"), and each is paused on its own.

    What is done for a mailbox by impersonation is charged to that mailbox, the rest to the service account; a server
    that turns requests away before it looks at them (HTTP 429, 503) means everybody. `most` requests go to one server
    at once; `clock` is the network clock.

    Besides, each mailbox, the account and each server have a ration of requests that holds whatever happens.
    """

    def __init__(self, most: int, clock: Clock, random: Random) -> None:
        self._most = most
        self._clock = clock
        self._servers: dict[str, _Server] = {}
        self._paused: dict[tuple[type[ExchangeBusy], str, str], datetime] = {}
        self._unasked = Backoffs(random)
        self._of_mailboxes = Ration(OF_A_MAILBOX)
        self._of_the_account = Ration(OF_THE_ACCOUNT)
        self._of_servers = Ration(OF_A_SERVER)
        self._delayed: dict[str, datetime] = {}

    async def ration(self, url: str, mailbox: str | None) -> None:
        """Count a request about `mailbox` (None: about many, or none), and wait until it is allowed."""
        now, key = self._clock.now(), (mailbox or "").lower()
        ration = self._of_mailboxes if key else self._of_the_account
        allowed = max(ration.take(key, now), self._of_servers.take(urlsplit(url).hostname or "", now))
        if allowed > now:
            if key:
                self._delayed[key] = now
            await self._clock.sleep_until(allowed)

    def held_back_until(self, mailbox: str) -> datetime | None:
        """Return when a mailbox may be visited that was asked for too often, network time; None where it was not."""
        now, key = self._clock.now(), mailbox.lower()
        allowed = self._of_mailboxes.allows(key, A_VISIT, now)
        if allowed <= now:
            return None
        self._delayed[key] = now
        return allowed

    def delayed_lately(self) -> list[str]:
        """Return the addresses of the mailboxes that had to wait because they were asked for too often."""
        since = self._clock.now() - LATELY
        self._delayed = {key: at for key, at in self._delayed.items() if at > since}
        return sorted(self._delayed)

    @contextlib.asynccontextmanager
    async def turn(self, url: str, mailbox: str | None, about: str | None = None) -> AsyncIterator[None]:
        """Wait for one's turn to ask for `mailbox` (None: as the service account), and take note of how it ends.

        `about` is whom the service account asks about, where that is a single mailbox.

        Raises the `ExchangeBusy` of a pause that is not over, with the rest of it, instead of waiting for its end.
        """
        host = urlsplit(url).hostname or ""
        self._check(host, mailbox)
        await self.ration(url, mailbox or about)
        server = self._servers.setdefault(host, _Server(self._most))
        async with server.slot():
            self._check(host, mailbox)
            begun = server.begin()
            try:
                yield
            except ExchangeBusy as busy:
                policy = policy_of(type(busy))
                if policy.fewer_at_once:
                    server.complained(begun)
                budget = _budget(type(busy), host, mailbox)
                if busy.retry_after is not None:
                    self._pause(budget, timedelta(seconds=busy.retry_after))
                elif policy.concerns is Concerns.ACCOUNT and not self._left(budget):
                    # Whoever has to read a mailbox doubles its pauses by himself.
                    self._pause(budget, self._unasked.next(host, policy.pauses_of_all))
                raise
            else:
                server.went_well(begun)
                if mailbox is None:
                    self._unasked.reset(host)

    def _check(self, host: str, mailbox: str | None) -> None:
        charged: type[ExchangeBusy] = ServiceAccountBusy if mailbox is None else MailboxBusy
        for kind in (ExchangeBusy, charged):
            budget = _budget(kind, host, mailbox)
            if left := self._left(budget):
                raise kind(f"the pause of {mailbox or 'the service account'} is not over", retry_after=left)
            self._paused.pop(budget, None)

    def _left(self, budget: tuple[type[ExchangeBusy], str, str]) -> float:
        """Return how many seconds are left of a pause."""
        now = self._clock.now()
        return max(0.0, (self._paused.get(budget, now) - now).total_seconds())

    def _pause(self, budget: tuple[type[ExchangeBusy], str, str], pause: timedelta) -> None:
        until = self._clock.now() + pause
        self._paused[budget] = max(until, self._paused.get(budget, until))


def _budget(kind: type[ExchangeBusy], host: str, mailbox: str | None) -> tuple[type[ExchangeBusy], str, str]:
    if issubclass(kind, MailboxBusy):
        return MailboxBusy, host, mailbox or ""
    return kind, host, ""


class _Server:
    """The requests under way to one server; those that wait for one of them to end go in their order."""

    def __init__(self, most: int) -> None:
        self._concurrency = Concurrency(most)
        self._limiter = CapacityLimiter(most)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        request = object()  # not the task: it may have another request under way, as while it is told of changes
        await self._limiter.acquire_on_behalf_of(request)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(request)

    def begin(self) -> int:
        return self._concurrency.begin()

    def went_well(self, begun: int) -> None:
        self._concurrency.went_well(begun)
        self._limiter.total_tokens = self._concurrency.allowed

    def complained(self, begun: int) -> None:
        self._concurrency.complained(begun)
        self._limiter.total_tokens = self._concurrency.allowed
