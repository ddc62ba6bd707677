"""A lane: one connection that stays logged in, one request at a time, because NTLM logs in connections."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
from spnego.channel_bindings import GssChannelBindings

from engine.core.clock import Clock
from engine.core.settings.model import Authentication
from engine.exchange.failures import ExchangeUnreachable, LoginRefused
from engine.exchange.http.breaker import LoginBreaker
from engine.exchange.http.channel_binding import channel_binding_of
from engine.exchange.http.handshake import Credential, Handshake, basic_authorization, not_offered, offered
from engine.exchange.http.wire import Answer, NetworkStream, Outgoing, exchange

UNAUTHORIZED = 401
GATEWAY_TROUBLE = (502, 503, 504)
"""Answers that may come from something in front of Exchange, which has not looked at the log-in."""
TRIES = 2
"""A 401 in the middle of normal work happens (a domain controller's hiccup): one retry, on a new connection."""
IDLE = timedelta(seconds=90)
"""IIS closes a connection that is idle for 120 s."""


class Lane:
    """Belongs to one credential and one host; `make_client` gives a client that holds one connection.

    A connection is either logged in and alive, or it is not used at all: any doubt leads to a new one. So every
    log-in starts on a connection that has seen nothing, straight with its first message and without the body.
    """

    def __init__(
        self,
        credential: Credential,
        breaker: LoginBreaker,
        clock: Clock,
        make_client: Callable[[], httpx2.AsyncClient],
    ) -> None:
        self._credential = credential
        self._breaker = breaker
        self._clock = clock
        self._make_client = make_client
        self._client: httpx2.AsyncClient | None = None
        self._logged_in: NetworkStream | None = None
        self._last_used = datetime.min.replace(tzinfo=UTC)
        self._standing = basic_authorization(credential) if credential.authentication is Authentication.BASIC else None

    async def send(self, outgoing: Outgoing) -> Answer:
        """Return the answer to `outgoing`, logging in where needed.

        Raises `LoginRefused`, `LoginMethodNotOffered` and what `exchange` raises.
        """
        for _ in range(TRIES):
            client = self._client_if_logged_in()
            answer = await (self._log_in(outgoing) if client is None else self._go_on(client, outgoing))
            if answer.status != UNAUTHORIZED:
                return answer
        raise LoginRefused(f"{self._credential.user} at {outgoing.url.host}")

    def _client_if_logged_in(self) -> httpx2.AsyncClient | None:
        """Until the answer is here, the connection counts as lost: nothing has to be undone after a failure."""
        stream, self._logged_in = self._logged_in, None
        if stream is None or self._clock.now() - self._last_used >= IDLE or _is_closed(stream):
            return None
        return self._client

    async def _go_on(self, client: httpx2.AsyncClient, outgoing: Outgoing) -> Answer:
        answer, stream = await exchange(client, outgoing, authorization=self._standing)
        if answer.status != UNAUTHORIZED:
            self._keep(stream)
        elif self._standing is not None:
            self._breaker.refused()
        return answer

    async def _log_in(self, outgoing: Outgoing) -> Answer:
        async with self._breaker.log_in():
            await self.close()
            self._client = self._make_client()
            authorization = self._standing
            if authorization is None:
                handshake = Handshake(self._credential, outgoing.url.host)
                opening = replace(outgoing, body=b"")
                answer, stream = await exchange(self._client, opening, authorization=handshake.opening())
                if answer.status != UNAUTHORIZED:
                    return answer
                authorization = handshake.reply(answer.headers, self._binding(stream))
                if _is_closed(stream):
                    raise ExchangeUnreachable(f"{outgoing.url.host} closes the connection in the middle of a log-in")
            answer, stream = await exchange(self._client, outgoing, authorization=authorization)
            self._conclude(answer, stream, outgoing.url.host)
            return answer

    def _conclude(self, answer: Answer, stream: NetworkStream, host: str) -> None:
        if answer.status == UNAUTHORIZED:
            offers = offered(answer.headers)
            if self._standing is not None and offers and "basic" not in offers:
                raise not_offered(host, "Basic", offers)
            self._breaker.refused()
        elif answer.status not in GATEWAY_TROUBLE:
            self._breaker.accepted()
            self._keep(stream)

    def _binding(self, stream: NetworkStream) -> GssChannelBindings | None:
        return channel_binding_of(stream) if self._credential.channel_binding else None

    def _keep(self, stream: NetworkStream) -> None:
        self._logged_in = stream
        self._last_used = self._clock.now()

    async def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _is_closed(stream: NetworkStream) -> bool:
    """A connection on which nobody speaks has something to read only when the other side has closed it."""
    return bool(stream.get_extra_info("is_readable"))
