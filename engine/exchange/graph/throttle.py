"""Throttling of Graph: how many requests are under way, and the pauses that it asks for. No I/O.

https://learn.microsoft.com/graph/throttling-limits: the limits of Outlook are for each application and mailbox, so what
one mailbox is told says nothing about the others.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random

from anyio import CapacityLimiter

from engine.core.backoff import Backoff, asked_for, doubling
from engine.core.clock import Clock
from engine.exchange.errors import ExchangeBusy, MailboxBusy

AT_FIRST, MOST = 4, 16
"""Batches under way: about a tenth of what Graph grants one application, for 10,000 mailboxes every minute."""

PEACE = timedelta(seconds=30)
"""After that long without a complaint, one more request may be under way."""

COMPLAINTS = 0.25
"""If more than this share of a batch is throttled, it counts as a complaint about all of them."""

UNASKED = doubling(timedelta(seconds=2), timedelta(seconds=60))
"""Pauses of everybody where Graph asks for a pause without saying how long."""


class Concurrency:
    """Adaptive concurrency: one more after a time of peace, half as many after a complaint.

    Requests that were under way when Graph complained do not count a second time. `clock` is the network clock.
    """

    def __init__(self, most: int, clock: Clock, at_first: int = AT_FIRST) -> None:
        self._most = most
        self._clock = clock
        self._round = 0
        self._since = clock.now()
        self.allowed = max(1, min(at_first, most))

    def limit(self, most: int) -> None:
        """Allow another number at most; more than now only after a time of peace."""
        self.allowed, self._most = min(self.allowed, most), most

    def begin(self) -> int:
        """Return the token with which the outcome of a request that begins now is reported."""
        return self._round

    def went_well(self, begun: int) -> None:
        """Note a request without a complaint."""
        now = self._clock.now()
        if begun == self._round and now - self._since >= PEACE:
            self.allowed, self._since = min(self._most, self.allowed + 1), now

    def complained(self, begun: int) -> None:
        """Note that Graph throttles us."""
        if begun == self._round:
            self.allowed, self._since = max(1, self.allowed // 2), self._clock.now()
            self._round += 1


class Throttle:
    """Admits requests, at most `connections` at once, and remembers pauses; `clock` is the network clock.

    `at_first` may be under way until Graph complains. A quarter of the connections is for mailboxes that are slow, and
    asked alone: they wait for one another.
    """

    def __init__(self, connections: int, clock: Clock, random: Random, at_first: int = AT_FIRST) -> None:
        usual, alone = _parts(connections)
        self._clock = clock
        self._random = random
        self._connections_of_all = connections
        self._concurrency = Concurrency(usual, clock, at_first)
        self._usual = CapacityLimiter(self._concurrency.allowed)
        self._alone = CapacityLimiter(alone)
        self._unasked = Backoff(random)
        self._everybody_until = clock.now()
        self._until: dict[str, datetime] = {}

    def share_with(self, engines: int) -> None:
        """Apply one part of the limits from now on, as one of this number of engines."""
        usual, alone = _parts(max(1, self._connections_of_all // engines))
        self._concurrency.limit(usual)
        self._usual.total_tokens = self._concurrency.allowed
        self._alone.total_tokens = alone

    @property
    def at_once(self) -> int:
        """How many requests may be under way now, apart from those for slow mailboxes."""
        return self._concurrency.allowed

    @contextlib.asynccontextmanager
    async def turn(self, *, alone: bool = False) -> AsyncIterator[int]:
        """Wait for a turn to send a request, and yield the token for `throttled`; `alone`: it is for a slow mailbox.

        Raises the `ExchangeBusy` of a pause that is not over, with the remaining time, instead of waiting for its end.
        """
        self._check_everybody()
        limiter = self._alone if alone else self._usual
        # Not the task: it may have several requests under way.
        request = object()
        await limiter.acquire_on_behalf_of(request)
        try:
            self._check_everybody()
            begun = self._concurrency.begin()
            try:
                yield begun
            except ExchangeBusy as busy:
                self._complained(begun)
                self._pause_everybody(busy)
                raise
            else:
                self._unasked.reset()
        finally:
            limiter.release_on_behalf_of(request)

    def throttled(self, begun: int, parts: int, of: int) -> None:
        """Note how many parts of an answered request were throttled."""
        if of > 1 and parts > COMPLAINTS * of:
            self._complained(begun)
        elif not parts:
            self._concurrency.went_well(begun)
            self._usual.total_tokens = self._concurrency.allowed

    def check(self, mailbox: str) -> None:
        """Raise the `MailboxBusy` of a pause of this mailbox that is not over, with the remaining time."""
        until = self._until.get(mailbox)
        if until is None:
            return
        left = (until - self._clock.now()).total_seconds()
        if left > 0:
            raise MailboxBusy(f"the pause of {mailbox} is not over", retry_after=left)
        del self._until[mailbox]

    def pause(self, mailbox: str, seconds: float) -> None:
        """Note that Graph asks for a pause of this mailbox alone."""
        self._until[mailbox] = self._clock.now() + asked_for(timedelta(seconds=seconds), self._random)

    def _complained(self, begun: int) -> None:
        self._concurrency.complained(begun)
        self._usual.total_tokens = self._concurrency.allowed

    def _check_everybody(self) -> None:
        left = (self._everybody_until - self._clock.now()).total_seconds()
        if left > 0:
            raise ExchangeBusy("the pause is not over", retry_after=left)

    def _pause_everybody(self, busy: ExchangeBusy) -> None:
        now = self._clock.now()
        if busy.retry_after is not None:
            pause = asked_for(timedelta(seconds=busy.retry_after), self._random)
        elif self._everybody_until <= now:
            pause = self._unasked.next(UNASKED)
        else:
            return
        self._everybody_until = max(self._everybody_until, now + pause)


def _parts(connections: int) -> tuple[int, int]:
    """Return how many connections are for usual requests, and how many for slow mailboxes."""
    alone = max(1, connections // 4)
    return min(MOST, max(1, connections - alone)), alone
