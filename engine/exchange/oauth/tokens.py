"""The token sent with every request: fetched once for all waiting requests, kept until it expires or is refused."""

import asyncio
import contextlib
import copy
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from engine.core.clock import Clock
from engine.core.errors import Fault
from engine.core.secret import Secret
from engine.exchange.errors import CertificateNotTrusted, ExchangeFailure
from engine.exchange.http.proxy_errors import ProxyFailure
from engine.exchange.oauth.errors import (
    AuthorityUnreachable,
    ClientCertificateUnusable,
    TenantUnknown,
    TokenRefused,
)
from engine.exchange.oauth.msal_client import Token
from engine.exchange.retry import AFTER_A_PERSON, policy_of
from engine.logins.breaker import Breaker, LogIn
from engine.logins.rules import Paused

logger = logging.getLogger(__name__)

BEFORE_ITS_END = timedelta(minutes=5)
"""MSAL renews a token in its last five minutes, which leaves time if the authority is down for a moment."""
SOON = timedelta(seconds=10)
"""No token is requested sooner than this after another one."""

REFUSALS = 2
LONGEST_REASON = 200
NOTHING_SENT = (
    AuthorityUnreachable,
    CertificateNotTrusted,
    ClientCertificateUnusable,
    ProxyFailure,
    TenantUnknown,
)
"""Failures that end a log-in before it is sent, unless they say otherwise."""


class TokenSource(Protocol):
    """A source of tokens; both methods block."""

    @property
    def refusal(self) -> type[ExchangeFailure]:
        """The failure that means that the authority refuses what the application proves itself with."""
        ...

    def token(self, *, other_than_before: bool) -> Token:
        """Return a token, a new one if `other_than_before`."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


@dataclass(frozen=True, slots=True)
class Successor:
    """Another proof of the same application, which takes over once the authority accepts it: its `source` of tokens,
    the breaker for the `trial`, the `breaker` from then on, and `accepted`, which is awaited then."""

    source: TokenSource
    trial: Breaker
    breaker: Breaker
    accepted: Callable[[], Awaitable[None]]


class BearerTokens:
    """Implements `RequestAuth` (RFC 6750) for one application, tenant and scope; `clock` is network time.

    `breaker`, if given, is the circuit breaker for log-ins at the authority. A `successor` is tried first whenever a
    token is due, as far as the breaker of its trial allows; a refusal of it says nothing about `source`, which is used
    then.
    """

    def __init__(
        self,
        source: TokenSource,
        user: str,
        clock: Clock,
        breaker: Breaker | None = None,
        *,
        successor: Successor | None = None,
    ) -> None:
        self.user = user
        self._source = source
        self._clock = clock
        self._breaker = breaker
        self._successor = successor
        self._one_flight = asyncio.Lock()
        self._one_at_a_time = asyncio.Lock()
        self._is_accepted = False
        self._authorization: Secret | None = None
        self._fresh_until = self._ends = clock.now()
        self._replaced = False
        self._refusals = 0
        self._failure: ExchangeFailure | None = None
        self.has_changed_proof = False
        """Whether the successor has taken over."""
        self._paused_until = clock.now()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn to send a request: until one was accepted, they are sent one at a time."""
        async with contextlib.nullcontext() if self._is_accepted else self._one_at_a_time:
            yield

    async def authorization(self) -> str:
        """Return the Authorization header of a request; concurrent callers wait for the same token.

        Raises the failure of the authority, and for a while after it the same one again, without a request.
        """
        if self._authorization is None or self._clock.now() >= self._fresh_until:
            async with self._one_flight:
                if self._authorization is None or self._clock.now() >= self._fresh_until:
                    await self._fetch()
        if self._authorization is None:
            raise self._paused()
        return self._authorization.reveal()

    def accepted(self) -> None:
        """Note that a request with the present token was accepted."""
        self._replaced = False
        self._refusals = 0
        self._is_accepted = True

    def refusal(self, host: str, headers: Mapping[str, str], body: bytes) -> ExchangeFailure:
        """Return the failure for a 401 from Exchange, with the reason that it gives.

        https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-authenticate-an-ews-application-by-using-oauth
        """
        reason = headers.get("x-ms-diagnostics", "")[:LONGEST_REASON]
        return TokenRefused(f"{self.user} at {host}: {reason}" if reason else f"{self.user} at {host}")

    def is_stale(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether a 401 rejects the token itself, so that another one may help (RFC 6750, section 3.1)."""
        return "invalid_token" in headers.get("www-authenticate", "")

    def refused(self, authorization: str, host: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Note a 401 from Exchange; return whether the next request will have another token.

        It will once, if Exchange rejects the token itself. Otherwise no token is fetched for a while after the second
        refusal, because another one would be no better.
        """
        if self._authorization is None or authorization != self._authorization.reveal():
            return True
        self._is_accepted = False
        if not self._replaced and self.is_stale(headers, body):
            self._authorization = None
            self._replaced = True
            return True
        self._refusals += 1
        if self._refusals >= REFUSALS:
            self._failure = self.refusal(host, headers, body)
            self._paused_until = self._clock.now() + _pause_after(self._failure)
            self._authorization, self._refusals = None, 0
        return False

    async def close(self) -> None:
        """Close all connections to the authority."""
        await asyncio.to_thread(self._source.close)
        if self._successor is not None:
            await asyncio.to_thread(self._successor.source.close)

    async def _fetch(self) -> None:
        now = self._clock.now()
        if now < self._paused_until:
            return
        try:
            token = await self._log_in()
        except ExchangeFailure as failure:
            self._failure = failure
            self._paused_until = now + max(timedelta(seconds=failure.retry_after or 0), _pause_after(failure))
            if now >= self._ends:
                self._authorization = None
        else:
            self._authorization = Secret(f"Bearer {token.value.reveal()}")
            self._ends = now + timedelta(seconds=token.seconds)
            self._fresh_until = max(self._ends - BEFORE_ITS_END, now + SOON)

    async def _log_in(self) -> Token:
        if self._successor is not None and (token := await self._log_in_by_successor(self._successor)) is not None:
            return token
        return await self._log_in_by(self._source, self._breaker)

    async def _log_in_by_successor(self, successor: Successor) -> Token | None:
        try:
            token = await self._log_in_by(successor.source, successor.trial)
        except ExchangeFailure as failure:
            logger.info("%s: the next certificate is not in use yet: %s", self.user, failure)
            return None
        logger.info("%s: the next certificate is accepted, and used from now on", self.user)
        former, self._source, self._breaker, self._successor = self._source, successor.source, successor.breaker, None
        self.has_changed_proof = True
        await successor.accepted()
        await asyncio.to_thread(former.close)
        return token

    async def _log_in_by(self, source: TokenSource, breaker: Breaker | None) -> Token:
        if breaker is None:
            return await self._ask_for_token(source)
        try:
            async with breaker.log_in() as log_in:
                await log_in.sending()
                try:
                    token = await self._ask_for_token(source)
                except ExchangeFailure as failure:
                    await _say(log_in, failure)
                    raise
                await log_in.proved()
                return token
        except Paused as pause:
            kind = source.refusal if pause.refused else AuthorityUnreachable
            left = (pause.until - self._clock.now()).total_seconds()
            raise pause.explain(kind(f"{self.user}: {pause}", retry_after=max(left, 0.0))) from None

    async def _ask_for_token(self, source: TokenSource) -> Token:
        return await asyncio.to_thread(source.token, other_than_before=self._replaced)

    def _paused(self) -> ExchangeFailure:
        failure = copy.copy(self._failure) if self._failure is not None else TokenRefused()
        failure.retry_after = max((self._paused_until - self._clock.now()).total_seconds(), 0.0)
        return failure


def _pause_after(failure: ExchangeFailure) -> timedelta:
    return policy_of(type(failure)).before_a_token or AFTER_A_PERSON


async def _say(log_in: LogIn, failure: ExchangeFailure) -> None:
    """Report the outcome of a log-in; an error about anything else proves that the log-in itself succeeded."""
    if failure.fault is Fault.CREDENTIALS:
        await log_in.refused()
    elif isinstance(failure, AuthorityUnreachable) and failure.sent:
        await log_in.undecided(failure.detail)
    elif isinstance(failure, NOTHING_SENT):
        await log_in.not_sent()
    else:
        await log_in.proved()
