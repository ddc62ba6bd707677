"""Keeps a wrong password from locking the service account: two refused log-ins, then one in 15 minutes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from engine.core.clock import Clock
from engine.exchange.failures import ExchangeFailure, LoginRefused

REFUSALS = 2
PAUSE = timedelta(minutes=15)
REFUSED_WITHIN = timedelta(seconds=5)
"""A server refuses a log-in before it looks at the request; what takes longer than that is the request's own time."""


class LoginBreaker:
    """One per credential, shared by all its connections to all hosts.

    Log-ins under way may all turn out refused, so they count as refusals until they are known, or until a refusal
    would have come: refused in a row + under way never exceeds two. That alone keeps any number of connections from
    trying at once, and a mailbox that takes minutes to answer from keeping the others out.
    """

    def __init__(self, clock: Clock, refusal: type[ExchangeFailure] = LoginRefused) -> None:
        self._clock = clock
        self._refusal = refusal
        self._under_way: dict[object, datetime] = {}
        self._refused_in_a_row = 0
        self._next_probe: datetime | None = None
        self._changed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def log_in(self) -> AsyncIterator[None]:
        """Wait for one's turn to log in; call `accepted` or `refused` inside, neither when it did not get so far.

        Raises the `refusal` at once while log-ins are paused.
        """
        while not self._may_try():
            await self._something_changes()
        attempt = object()
        self._under_way[attempt] = self._clock.now()
        try:
            yield
        finally:
            del self._under_way[attempt]
            self._wake_waiting()

    def accepted(self) -> None:
        """The server took the log-in."""
        self._refused_in_a_row = 0
        self._next_probe = None

    def refused(self) -> None:
        """The server refused it: name or password are wrong, or the account is locked."""
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= REFUSALS:
            self._next_probe = self._clock.now() + PAUSE
            self._wake_waiting()

    def _may_try(self) -> bool:
        now = self._clock.now()
        undecided = sum(now - begun < REFUSED_WITHIN for begun in self._under_way.values())
        if self._next_probe is None:
            return self._refused_in_a_row + undecided < REFUSALS
        wait = (self._next_probe - now).total_seconds()
        if wait > 0 or undecided:
            raise self._refusal("log-ins are paused", retry_after=max(wait, 0))
        return True

    async def _something_changes(self) -> None:
        """Return when a log-in ends, or the oldest one that is undecided can no longer be refused."""
        now = self._clock.now()
        undecided = [begun for begun in self._under_way.values() if now - begun < REFUSED_WITHIN]
        changed = self._changed
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(self._wake_at(min(undecided, default=now) + REFUSED_WITHIN))
            await changed.wait()
            timer.cancel()

    async def _wake_at(self, instant: datetime) -> None:
        await self._clock.sleep_until(instant)
        self._wake_waiting()

    def _wake_waiting(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
