"""The token that goes with every request: fetched once for all that wait, kept until its end, dropped when refused."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from engine.core.clock import Clock
from engine.core.failures import Fault
from engine.core.secret import Secret
from engine.exchange.failures import ExchangeFailure
from engine.exchange.oauth.application import Token
from engine.exchange.oauth.failures import TokenRefused

BEFORE_ITS_END = timedelta(minutes=5)
"""MSAL gives another token in the last five minutes of one; that leaves time if the authority is down for a moment."""
SOON = timedelta(seconds=10)
AFTER_A_PERSON = timedelta(minutes=15)
"""Pauses after a failure: one that passes by itself, and one that somebody has to mend."""


class TokenSource(Protocol):
    """Where tokens come from; both methods block."""

    def token(self, *, other_than_before: bool) -> Token:
        """Return a token, a new one if `other_than_before`."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class BearerTokens:
    """Implements `StandingAuthorization` (RFC 6750) for one application, tenant and scope. `clock` is the network's."""

    refusal: type[ExchangeFailure] = TokenRefused

    def __init__(self, source: TokenSource, user: str, clock: Clock) -> None:
        self.user = user
        self._source = source
        self._clock = clock
        self._one_flight = asyncio.Lock()
        self._authorization: Secret | None = None
        self._fresh_until = self._ends = clock.now()
        self._replaced = False
        self._failure: ExchangeFailure | None = None
        self._paused_until = clock.now()

    async def authorization(self) -> str:
        """Return the Authorization of a request; whoever comes while a token is being fetched waits for that one.

        Raises the failure of the authority, and the same one again, without asking, for a while after it.
        """
        if self._authorization is None or self._clock.now() >= self._fresh_until:
            async with self._one_flight:
                if self._authorization is None or self._clock.now() >= self._fresh_until:
                    await self._fetch()
        if self._authorization is None:
            raise self._paused()
        return self._authorization.reveal()

    def accepted(self) -> None:
        """A request with the present token was let in."""
        self._replaced = False

    def refused(self, authorization: str, host: str, headers: Mapping[str, str]) -> bool:
        """Exchange answered 401; tell whether the next request has another token.

        It has once, if the token is what Exchange complains about (RFC 6750, section 3.1).
        """
        if self._authorization is None or authorization != self._authorization.reveal():
            return True
        if self._replaced or "invalid_token" not in headers.get("www-authenticate", ""):
            return False
        self._authorization = None
        self._replaced = True
        return True

    async def close(self) -> None:
        """Close all connections to the authority."""
        await asyncio.to_thread(self._source.close)

    async def _fetch(self) -> None:
        now = self._clock.now()
        if now < self._paused_until:
            return
        try:
            token = await asyncio.to_thread(self._source.token, other_than_before=self._replaced)
        except ExchangeFailure as failure:
            self._failure = failure
            passes = failure.fault in (Fault.NETWORK, Fault.SERVER)
            asked_for = timedelta(seconds=failure.retry_after or 0)
            self._paused_until = now + max(asked_for, SOON if passes else AFTER_A_PERSON)
            if now >= self._ends:
                self._authorization = None
        else:
            self._authorization = Secret(f"Bearer {token.value.reveal()}")
            self._ends = now + timedelta(seconds=token.seconds)
            self._fresh_until = max(self._ends - BEFORE_ITS_END, now + SOON)

    def _paused(self) -> ExchangeFailure:
        failure = self._failure or TokenRefused()
        left = (self._paused_until - self._clock.now()).total_seconds()
        return type(failure)(failure.detail, retry_after=max(left, 0.0))
