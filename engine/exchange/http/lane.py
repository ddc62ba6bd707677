"""A lane: one connection that stays logged in, one request at a time, because NTLM logs in connections."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2

from engine.core.clock import Clock
from engine.exchange.failures import ExchangeUnreachable
from engine.exchange.http.authorization import StandingAuthorization
from engine.exchange.http.breaker import LoginBreaker
from engine.exchange.http.channel_binding import channel_binding_of
from engine.exchange.http.handshake import Credential, Handshake
from engine.exchange.http.trace import Trace
from engine.exchange.http.traced import traced
from engine.exchange.http.wire import Answer, NetworkStream, Outgoing, exchange

UNAUTHORIZED = 401
GATEWAY_TROUBLE = (502, 503, 504)
"""Answers that may come from something in front of Exchange, which has not looked at the log-in."""
TRIES = 2
"""A 401 in the middle of normal work happens (a domain controller's hiccup): one retry, on a new connection."""
IDLE = timedelta(seconds=90)
"""IIS closes a connection that is idle for 120 s."""


class Lane:
    """Belongs to one log-in and one host; `make_client` gives a client that holds one connection.

    `trace` looks on at what goes over the lane of that `name`.

    A `Credential` logs the connection in by a handshake, a `StandingAuthorization` each request by itself.
    A connection is either logged in and alive, or it is not used at all: any doubt leads to a new one. So every
    log-in starts on a connection that has seen nothing, straight with its first message and without the body.
    """

    def __init__(
        self,
        log_in: Credential | StandingAuthorization,
        breaker: LoginBreaker,
        clock: Clock,
        make_client: Callable[[], httpx2.AsyncClient],
        trace: Trace,
        name: str,
    ) -> None:
        self._log_in_with = log_in
        self._breaker = breaker
        self._clock = clock
        self._make_client = make_client
        self._trace = trace
        self._name = name
        self._client: httpx2.AsyncClient | None = None
        self._logged_in: NetworkStream | None = None
        self._last_used = datetime.min.replace(tzinfo=UTC)

    async def send(self, outgoing: Outgoing) -> Answer:
        """Return the answer to `outgoing`, logging in where needed.

        Raises the `refusal` of the log-in, `LoginMethodNotOffered` and what `exchange` raises.
        """
        diagnostics = ""
        for attempt in range(1, TRIES + 1):
            answer = await traced(self._trace, outgoing, self._try, lane=self._name, attempt=attempt)
            if answer.status != UNAUTHORIZED:
                return answer
            # Exchange says here what it has against a token (Microsoft, "Authenticate an EWS application").
            diagnostics = answer.headers.get("x-ms-diagnostics", "")[:200]
        who = f"{self._log_in_with.user} at {outgoing.url.host}"
        raise self._log_in_with.refusal(f"{who}: {diagnostics}" if diagnostics else who)

    async def _try(self, outgoing: Outgoing) -> Answer:
        client = self._client_if_logged_in()
        return await (self._log_in(outgoing) if client is None else self._go_on(client, outgoing))

    def _client_if_logged_in(self) -> httpx2.AsyncClient | None:
        """Until the answer is here, the connection counts as lost: nothing has to be undone after a failure."""
        stream, self._logged_in = self._logged_in, None
        if stream is None or self._clock.now() - self._last_used >= IDLE or _is_closed(stream):
            return None
        return self._client

    async def _go_on(self, client: httpx2.AsyncClient, outgoing: Outgoing) -> Answer:
        authorization = await self._standing_authorization()
        answer, stream = await exchange(client, outgoing, authorization=authorization)
        if answer.status != UNAUTHORIZED:
            self._keep(stream)
        elif authorization is not None:
            self._refused(answer, authorization, outgoing.url.host)
        return answer

    async def _log_in(self, outgoing: Outgoing) -> Answer:
        async with self._breaker.log_in():
            await self.close()
            client = self._client = self._make_client()
            if isinstance(self._log_in_with, Credential):
                authorization = await _shake_hands(client, self._log_in_with, outgoing)
                if isinstance(authorization, Answer):
                    return authorization
            else:
                authorization = await self._log_in_with.authorization()
            answer, stream = await exchange(client, outgoing, authorization=authorization)
            if answer.status == UNAUTHORIZED:
                self._refused(answer, authorization, outgoing.url.host)
            elif answer.status not in GATEWAY_TROUBLE:
                self._accepted(stream)
            return answer

    async def _standing_authorization(self) -> str | None:
        return None if isinstance(self._log_in_with, Credential) else await self._log_in_with.authorization()

    def _refused(self, answer: Answer, authorization: str, host: str) -> None:
        log_in = self._log_in_with
        if isinstance(log_in, Credential) or not log_in.refused(authorization, host, answer.headers):
            self._breaker.refused()

    def _accepted(self, stream: NetworkStream) -> None:
        self._breaker.accepted()
        if not isinstance(self._log_in_with, Credential):
            self._log_in_with.accepted()
        self._keep(stream)

    def _keep(self, stream: NetworkStream) -> None:
        self._logged_in = stream
        self._last_used = self._clock.now()

    async def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


async def _shake_hands(client: httpx2.AsyncClient, credential: Credential, outgoing: Outgoing) -> str | Answer:
    """Return the Authorization that ends the handshake, or the answer that does not even let it begin."""
    handshake = Handshake(credential, outgoing.url.host)
    opening = replace(outgoing, body=b"")
    answer, stream = await exchange(client, opening, authorization=handshake.opening())
    if answer.status != UNAUTHORIZED:
        return answer
    binding = channel_binding_of(stream) if credential.channel_binding else None
    authorization = handshake.reply(answer.headers, binding)
    if _is_closed(stream):
        raise ExchangeUnreachable(f"{outgoing.url.host} closes the connection in the middle of a log-in")
    if outgoing.watch is not None:
        outgoing.watch.logged_in()
    return authorization


def _is_closed(stream: NetworkStream) -> bool:
    """A connection on which nobody speaks has something to read only when the other side has closed it."""
    return bool(stream.get_extra_info("is_readable"))
