"""Keeps a wrong password from locking the service account: two refused log-ins, then one in 15 minutes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from engine.core.clock import Clock
from engine.exchange.failures import ExchangeFailure, LoginRefused

REFUSALS = 2
PAUSE = timedelta(minutes=15)


class LoginBreaker:
    """One per credential, shared by all its connections to all hosts.

    Log-ins under way may all turn out refused, so they count as refusals until they are known:
    refused in a row + under way never exceeds two. That alone keeps any number of connections from trying at once.
    """

    def __init__(self, clock: Clock, refusal: type[ExchangeFailure] = LoginRefused) -> None:
        self._clock = clock
        self._refusal = refusal
        self._under_way = 0
        self._refused_in_a_row = 0
        self._next_probe: datetime | None = None
        self._changed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def log_in(self) -> AsyncIterator[None]:
        """Wait for one's turn to log in; call `accepted` or `refused` inside, neither when it did not get so far.

        Raises the `refusal` at once while log-ins are paused.
        """
        while not self._may_try():
            await self._changed.wait()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
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
        if self._next_probe is None:
            return self._refused_in_a_row + self._under_way < REFUSALS
        wait = (self._next_probe - self._clock.now()).total_seconds()
        if wait > 0 or self._under_way:
            raise self._refusal("log-ins are paused", retry_after=max(wait, 0))
        return True

    def _wake_waiting(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
