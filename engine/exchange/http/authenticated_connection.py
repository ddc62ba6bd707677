"""Authenticated connections that carry one request at a time, because NTLM authenticates connections."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.core.clock import Clock
from engine.exchange.errors import (
    AnswerBrokenOff,
    ExchangeFailure,
    ExchangeUnreachable,
    LoginRefused,
    LoginUnproved,
    NoAnswerInTime,
)
from engine.exchange.http.auth import Credential, RequestAuth, proves_log_in
from engine.exchange.http.connection import HttpConnection
from engine.exchange.http.login import UNAUTHORIZED, BasicLogin, BearerLogin, NtlmLogin, PasswordLogin
from engine.exchange.http.login_page import what_answers
from engine.exchange.http.messages import HttpRequest, HttpResponse, traced
from engine.exchange.http.trace import Trace
from engine.logins.breaker import Breaker, LogIn
from engine.logins.rules import Paused
from engine.settings.model import Authentication

GATEWAY_TROUBLE = (502, 503, 504)
"""Statuses that may come from something in front of Exchange, after which a connection does not count as logged in."""
TRIES = 2
"""A 401 may happen in normal operation (a domain controller's temporary fault): one retry, on a new connection."""
IDLE = timedelta(seconds=90)
"""IIS closes a connection that is idle for 120 s."""


@dataclass(frozen=True, slots=True)
class GuardedCredential:
    """A log-in with a password, and the circuit breaker that admits it."""

    credential: Credential
    breaker: Breaker

    @property
    def user(self) -> str:
        """The user who logs in."""
        return self.credential.user


class PinnedConnection:
    """An authenticated connection for one log-in and one host; `connect` returns a new connection.

    `trace` records what goes over the lane of this `name`.

    A password logs the connection in by a handshake, or is sent with every request (Basic); both are log-ins, and
    wrong ones may lock the account. A `RequestAuth` is a token, which is no secret of an account.
    A connection is either logged in and alive, or it is not used at all: any doubt leads to a new one. So every
    log-in starts on a fresh connection, directly with its first message and without the body.
    """

    def __init__(
        self,
        log_in: GuardedCredential | RequestAuth,
        clock: Clock,
        connect: Callable[[], HttpConnection],
        trace: Trace,
        name: str,
    ) -> None:
        self._log_in_with = log_in
        self._clock = clock
        self._connect = connect
        self._trace = trace
        self._name = name
        self._connection: HttpConnection | None = None
        self._logged_in = False
        self._unproved: LogIn | None = None
        self._last_used = datetime.min.replace(tzinfo=UTC)

    async def send(self, outgoing: HttpRequest) -> HttpResponse:
        """Return the answer to `outgoing`, logging in if needed.

        Raises the refusal of the log-in, `LoginUnproved`, `LoginMethodNotOffered` and what `exchange` raises.
        """
        for attempt in range(1, TRIES + 1):
            answer = await traced(self._trace, outgoing, self._try, lane=self._name, attempt=attempt)
            if answer.status != UNAUTHORIZED:
                return answer
        raise await self._refusal(outgoing.url.host or "", answer)

    async def _try(self, outgoing: HttpRequest) -> HttpResponse:
        connection = self._connection_if_logged_in()
        if not isinstance(self._log_in_with, GuardedCredential):
            async with self._log_in_with.turn():
                return await self._send_with_token(self._log_in_with, connection, outgoing)
        credential = self._log_in_with.credential
        if connection is None or credential.authentication is Authentication.BASIC:
            try:
                async with self._log_in_with.breaker.log_in() as log_in:
                    return await self._log_in(credential, log_in, connection, outgoing)
            except Paused as pause:
                raise self._named(pause, credential.user) from None
        answer = await connection.exchange(outgoing)
        if answer.status != UNAUTHORIZED:
            self._keep()
        if self._unproved is not None and _proves(answer):
            await self._unproved.proved()
            self._unproved = None
        return answer

    def _connection_if_logged_in(self) -> HttpConnection | None:
        """Return the connection if it is logged in; it counts as lost until the answer arrives, in case that fails."""
        logged_in, self._logged_in = self._logged_in, False
        if not logged_in or self._connection is None or not self._connection.is_open:
            return None
        return self._connection if self._clock.now() - self._last_used < IDLE else None

    async def _send_with_token(
        self, token: RequestAuth, connection: HttpConnection | None, outgoing: HttpRequest
    ) -> HttpResponse:
        connection = connection or await self._new_connection()
        answer = await connection.exchange(outgoing, BearerLogin(token))
        if answer.status != UNAUTHORIZED:
            self._keep()
        return answer

    async def _log_in(
        self, credential: Credential, log_in: LogIn, connection: HttpConnection | None, outgoing: HttpRequest
    ) -> HttpResponse:
        connection = connection or await self._new_connection()
        login: PasswordLogin
        if credential.authentication is Authentication.BASIC:
            login = BasicLogin(credential, connection.cookies, log_in.sending, trusted=log_in.trusted)
        else:
            login = NtlmLogin(credential, connection.cookies, log_in.sending)
        answer = await _told(log_in, connection, outgoing, login)
        if login.failure is not None:
            raise login.failure
        if not login.sent:
            return answer
        if answer.status == UNAUTHORIZED:
            await log_in.refused()
            return answer
        if _proves(answer):
            await log_in.proved()
        else:
            await log_in.undecided(_seen(answer))
            self._unproved = log_in
        if answer.status not in GATEWAY_TROUBLE:
            self._keep()
        return answer

    async def _refusal(self, host: str, answer: HttpResponse) -> ExchangeFailure:
        if not isinstance(self._log_in_with, GuardedCredential):
            return self._log_in_with.refusal(host, answer.headers, answer.body)
        who = f"{self._log_in_with.user} at {host}"
        pause = await self._log_in_with.breaker.pause()
        return LoginRefused(who) if pause is None else self._named(pause, who)

    def _named(self, pause: Paused, who: str) -> ExchangeFailure:
        kind = LoginRefused if pause.refused else LoginUnproved
        left = (pause.until - self._clock.now()).total_seconds()
        return pause.explain(kind(f"{who}: {pause}", retry_after=max(left, 0.0)))

    async def _new_connection(self) -> HttpConnection:
        await self.close()
        self._connection = self._connect()
        return self._connection

    def _keep(self) -> None:
        self._logged_in = True
        self._last_used = self._clock.now()

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        self._unproved = None
        if connection is not None:
            await connection.close()


def _seen(answer: HttpResponse) -> str:
    stranger = what_answers(answer.status, answer.headers, answer.body)
    return stranger.detail if stranger is not None else f"HTTP {answer.status}"


def _proves(answer: HttpResponse) -> bool:
    return proves_log_in(answer.status, answer.headers, answer.body, in_pieces=answer.rest is not None)


async def _told(log_in: LogIn, connection: HttpConnection, outgoing: HttpRequest, login: PasswordLogin) -> HttpResponse:
    """Send a request with its log-in; if there is no answer to it, report the outcome of the log-in."""
    try:
        return await connection.exchange(outgoing, login)
    except NoAnswerInTime as failure:
        if login.sent:
            await log_in.overdue(failure.detail)
        raise
    except ExchangeFailure as failure:
        if not login.sent:
            raise
        if isinstance(failure, ExchangeUnreachable) and not isinstance(failure, AnswerBrokenOff):
            await log_in.not_sent()
        else:
            await log_in.undecided(failure.detail)
        raise
