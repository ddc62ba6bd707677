"""Throttling: the pauses that Exchange asks for, adaptive concurrency, and a fixed limit on requests.

Every known failure has pauses of its own, so requests normally stay far below this limit. No I/O.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from urllib.parse import urlsplit

from anyio import CapacityLimiter

from engine.core.backoff import Backoffs
from engine.core.clock import Clock
from engine.exchange.errors import ExchangeBusy, MailboxBusy, ServiceAccountBusy
from engine.exchange.retry import Concerns, policy_of


class Concurrency:
    """Adaptive concurrency: additive increase, multiplicative decrease (RFC 5681, section 3.1), starting at `most`.

    Requests that were under way when the server complained do not count a second time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = float(most)
        self._round = 0

    @property
    def allowed(self) -> int:
        """Number of requests that may be under way now: at least one, never more than `most`."""
        return int(self._allowed)

    def limit(self, most: int) -> None:
        """Allow another number at most; if as many as possible were allowed, that many are at once."""
        self._allowed = float(most) if self._allowed >= self._most else min(self._allowed, float(most))
        self._most = most

    def begin(self) -> int:
        """Return the token with which the outcome of a request that begins now is reported."""
        return self._round

    def went_well(self, begun: int) -> None:
        """Note a success: as many as may be under way at once allow one more."""
        if begun == self._round:
            self._allowed = min(self._most, self._allowed + 1 / self._allowed)

    def complained(self, begun: int) -> None:
        """Note that the server is overloaded: halve the number of requests."""
        if begun == self._round:
            self._allowed = max(1.0, self._allowed / 2)
            self._round += 1


_SWEPT_AT = 1000


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit: `at_once` requests in a burst and `per_minute` more; at most the sum of both within any minute."""

    at_once: int
    per_minute: int

    @property
    def interval(self) -> timedelta:
        """The time after which one more request is allowed."""
        return timedelta(minutes=1) / self.per_minute

    def part(self, engines: int) -> "Allowance":
        """Return the part for one of several engines: enough for a visit, however many they are."""
        return Allowance(max(A_VISIT, self.at_once // engines), max(1, self.per_minute // engines))


OF_A_MAILBOX = Allowance(at_once=40, per_minute=12)
"""A first visit takes about 4 requests (up to 30 for a user with many addresses or a very full calendar), one after a
change 1 or 2; an administrator may request a dozen in a row. A calendar that changes every second without end is read
every 5 to 10 seconds."""

OF_THE_ACCOUNT = Allowance(at_once=600, per_minute=600)
"""Requests in the account's own name: 10,000 mailboxes by free/busy are 100 requests at once, and 50,000 polled every
two minutes are 250 a minute."""

OF_A_SERVER = Allowance(at_once=60_000, per_minute=12_000)
"""The first reading of 10,000 mailboxes is 40,000 requests, as fast as they are answered; after that 200 a second are
more than 8 connections take to a server that answers in 50 ms."""

A_VISIT = 3
"""The requests that reading a mailbox usually takes: it begins only when as many are allowed at once."""


class Ration:
    """Rate limit by key (the generic cell rate algorithm, ITU-T I.371), which stores one instant for each key.

    A key without recent requests is not stored.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._full: dict[str, datetime] = {}
        self._swept_at = _SWEPT_AT

    def adjust(self, allowance: Allowance) -> None:
        """Apply another limit from now on."""
        self._allowance = allowance

    def __len__(self) -> int:
        """Return the number of keys that are stored."""
        return len(self._full)

    def take(self, key: str, now: datetime) -> datetime:
        """Count a request and return when it may be sent: `now` or later, after those that were counted before."""
        if len(self) >= self._swept_at:
            self._sweep(now)
        full = max(self._full.get(key, now), now)
        self._full[key] = full + self._allowance.interval
        return max(now, full - self._leeway(1))

    def allows(self, key: str, requests: int, now: datetime) -> datetime:
        """Return when this number of requests may be sent at once: `now` or later."""
        return max(now, self._full.get(key, now) - self._leeway(requests))

    def _leeway(self, requests: int) -> timedelta:
        return self._allowance.interval * (self._allowance.at_once - requests)

    def _sweep(self, now: datetime) -> None:
        self._full = {key: full for key, full in self._full.items() if full > now}
        self._swept_at = max(_SWEPT_AT, 2 * len(self))


LATELY = timedelta(minutes=5)
"""How long a mailbox is reported as one that had to wait."""


class Throttle:
    """Pauses each of the three budgets that can be used up (Microsoft, "EWS throttling in Exchange") on its own.

    Requests for a mailbox by impersonation are charged to that mailbox, the rest to the service account; a server that
    rejects requests without processing them (HTTP 429, 503) affects everybody. At most `most` requests go to one
    server at once; `clock` is the network clock.

    In addition, each mailbox, the account and each server have a fixed limit on requests. Several engines share all of
    these limits.
    """

    def __init__(self, most: int, clock: Clock, random: Random) -> None:
        self._most = self._most_of_all = most
        self._clock = clock
        self._servers: dict[str, _Server] = {}
        self._paused: dict[tuple[type[ExchangeBusy], str, str], datetime] = {}
        self._unasked = Backoffs(random)
        self._of_mailboxes = Ration(OF_A_MAILBOX)
        self._of_the_account = Ration(OF_THE_ACCOUNT)
        self._of_servers = Ration(OF_A_SERVER)
        self._delayed: dict[str, datetime] = {}

    def share_with(self, engines: int) -> None:
        """Apply one part of all limits from now on, as one of this number of engines."""
        self._most = max(1, self._most_of_all // engines)
        for server in self._servers.values():
            server.limit(self._most)
        self._of_mailboxes.adjust(OF_A_MAILBOX.part(engines))
        self._of_the_account.adjust(OF_THE_ACCOUNT.part(engines))
        self._of_servers.adjust(OF_A_SERVER.part(engines))

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
        """Return when a mailbox that was read too often may be read again, in network time; None if it was not."""
        now, key = self._clock.now(), mailbox.lower()
        allowed = self._of_mailboxes.allows(key, A_VISIT, now)
        if allowed <= now:
            return None
        self._delayed[key] = now
        return allowed

    def delayed_lately(self) -> list[str]:
        """Return the addresses of the mailboxes that had to wait because they were read too often."""
        since = self._clock.now() - LATELY
        self._delayed = {key: at for key, at in self._delayed.items() if at > since}
        return sorted(self._delayed)

    @contextlib.asynccontextmanager
    async def turn(self, url: str, mailbox: str | None, about: str | None = None) -> AsyncIterator[None]:
        """Wait for a turn to send a request for `mailbox` (None: as the service account), and note its outcome.

        `about` is the mailbox that the service account asks about, if it is a single one.

        Raises the `ExchangeBusy` of a pause that is not over, with the remaining time, instead of waiting for its end.
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
                    # The reader of a mailbox doubles its pauses itself.
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
        """Return the remaining seconds of a pause, at least 0."""
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
    """The requests under way to one server; those that wait are served in order."""

    def __init__(self, most: int) -> None:
        self._concurrency = Concurrency(most)
        self._limiter = CapacityLimiter(most)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        # Not the task: it may have several requests under way, for example while it handles a notification.
        request = object()
        await self._limiter.acquire_on_behalf_of(request)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(request)

    def limit(self, most: int) -> None:
        self._concurrency.limit(most)
        self._limiter.total_tokens = self._concurrency.allowed

    def begin(self) -> int:
        return self._concurrency.begin()

    def went_well(self, begun: int) -> None:
        self._concurrency.went_well(begun)
        self._limiter.total_tokens = self._concurrency.allowed

    def complained(self, begun: int) -> None:
        self._concurrency.complained(begun)
        self._limiter.total_tokens = self._concurrency.allowed
