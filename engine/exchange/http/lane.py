"""A lane: one connection that stays logged in, one request at a time, because NTLM logs in connections."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from engine.core.clock import Clock
from engine.exchange.failures import ExchangeUnreachable
from engine.exchange.http.authorization import StandingAuthorization
from engine.exchange.http.breaker import LoginBreaker
from engine.exchange.http.channel_binding import tls_server_end_point
from engine.exchange.http.connection import Connection
from engine.exchange.http.handshake import Credential, Handshake
from engine.exchange.http.trace import Trace
from engine.exchange.http.traced import traced
from engine.exchange.http.wire import Answer, Outgoing

UNAUTHORIZED = 401
GATEWAY_TROUBLE = (502, 503, 504)
"""Answers that may come from something in front of Exchange, which has not looked at the log-in."""
TRIES = 2
"""A 401 in the middle of normal work happens (a domain controller's hiccup): one retry, on a new connection."""
IDLE = timedelta(seconds=90)
"""IIS closes a connection that is idle for 120 s."""


class Lane:
    """Belongs to one log-in and one host; `connect` gives a new connection.

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
        connect: Callable[[], Connection],
        trace: Trace,
        name: str,
    ) -> None:
        self._log_in_with = log_in
        self._breaker = breaker
        self._clock = clock
        self._connect = connect
        self._trace = trace
        self._name = name
        self._connection: Connection | None = None
        self._logged_in = False
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
        connection = self._connection_if_logged_in()
        return await (self._log_in(outgoing) if connection is None else self._go_on(connection, outgoing))

    def _connection_if_logged_in(self) -> Connection | None:
        """Until the answer is here, the connection counts as lost: nothing has to be undone after a failure."""
        logged_in, self._logged_in = self._logged_in, False
        if not logged_in or self._connection is None or not self._connection.is_open:
            return None
        return self._connection if self._clock.now() - self._last_used < IDLE else None

    async def _go_on(self, connection: Connection, outgoing: Outgoing) -> Answer:
        authorization = await self._standing_authorization()
        answer = await connection.exchange(outgoing, authorization=authorization)
        if answer.status != UNAUTHORIZED:
            self._keep()
        elif authorization is not None:
            self._refused(answer, authorization, outgoing.url.host or "")
        return answer

    async def _log_in(self, outgoing: Outgoing) -> Answer:
        async with self._breaker.log_in():
            await self.close()
            connection = self._connection = self._connect()
            if isinstance(self._log_in_with, Credential):
                authorization = await _shake_hands(connection, self._log_in_with, outgoing)
                if isinstance(authorization, Answer):
                    return authorization
            else:
                authorization = await self._log_in_with.authorization()
            answer = await connection.exchange(outgoing, authorization=authorization)
            if answer.status == UNAUTHORIZED:
                self._refused(answer, authorization, outgoing.url.host or "")
            elif answer.status not in GATEWAY_TROUBLE:
                self._accepted()
            return answer

    async def _standing_authorization(self) -> str | None:
        return None if isinstance(self._log_in_with, Credential) else await self._log_in_with.authorization()

    def _refused(self, answer: Answer, authorization: str, host: str) -> None:
        log_in = self._log_in_with
        if isinstance(log_in, Credential) or not log_in.refused(authorization, host, answer.headers):
            self._breaker.refused()

    def _accepted(self) -> None:
        self._breaker.accepted()
        if not isinstance(self._log_in_with, Credential):
            self._log_in_with.accepted()
        self._keep()

    def _keep(self) -> None:
        self._logged_in = True
        self._last_used = self._clock.now()

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


async def _shake_hands(connection: Connection, credential: Credential, outgoing: Outgoing) -> str | Answer:
    """Return the Authorization that ends the handshake, or the answer that does not even let it begin."""
    host = outgoing.url.host or ""
    handshake = Handshake(credential, host)
    answer = await connection.exchange(replace(outgoing, body=b""), authorization=handshake.opening())
    if answer.status != UNAUTHORIZED:
        return answer
    certificate = connection.server_certificate if credential.channel_binding else None
    binding = tls_server_end_point(certificate) if certificate is not None else None
    authorization = handshake.reply(answer.headers, binding)
    if not connection.is_open:
        raise ExchangeUnreachable(f"{host} closes the connection in the middle of a log-in")
    if outgoing.watch is not None:
        outgoing.watch.logged_in()
    return authorization
