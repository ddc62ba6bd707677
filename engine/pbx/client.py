"""The connection to the PBX where the engine dials: reconnects with back-off, forwards requests."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from engine.core.backoff import Backoff, Pauses, doubling
from engine.core.claims import UNLIMITED, Claim
from engine.core.clock import Clock
from engine.core.expiry import Expiries
from engine.core.internal_errors import InternalErrorLog
from engine.core.presence.model import Presence
from engine.core.secret import Secret
from engine.logins.breaker import LogIn, LogIns
from engine.logins.rules import Account, Paused
from engine.pbx.connection import PbxConnection
from engine.pbx.entries import PresenceEntry
from engine.pbx.errors import PbxFailure, PbxLinkMistake, PbxLoginRefused, PbxUnreachable
from engine.pbx.events import LinkDown, PbxEvent
from engine.pbx.login import DialLogin
from engine.pbx.trace import LinkTrace, NoPbxTrace, PbxTrace
from engine.pbx.websocket import dial, shown_url
from engine.settings.model import ClearWith, PbxSettings

UNREACHABLE = doubling(timedelta(seconds=1), timedelta(seconds=32))
"""A network failure ends by itself, so reconnecting is quick, like that of innovaphone's own client."""

REFUSED = Pauses((timedelta(minutes=1), timedelta(minutes=15)))
"""Four times an hour after a second refused log-in, as far as the circuit breaker of log-ins allows."""

MISTAKEN = Pauses(tuple(timedelta(seconds=seconds) for seconds in (1, 5, 15, 60, 300)))

OTHERWISE = Pauses((timedelta(minutes=1),))
"""Every other failure needs a person, and more frequent attempts would only load the PBX."""


def pauses_after(failure: PbxFailure) -> Pauses:
    """Return the pauses that a failure of the link calls for."""
    if isinstance(failure, PbxUnreachable):
        return UNREACHABLE
    if isinstance(failure, PbxLinkMistake):
        return MISTAKEN
    return REFUSED if isinstance(failure, PbxLoginRefused) else OTHERWISE


logger = logging.getLogger(__name__)


class PbxLink:
    """Stays logged in to the master PBX and keeps its users replicated.

    After each log-in `on_event` receives LinkUp, UserSeen for every user, and UsersComplete as soon as all are known
    and the PBX is proved to be the master; then changes as they come. LinkUp is repeated when the PBX gives its name or
    domain after the log-in. LinkDown follows every connection, even one that could not be established. `on_event` is
    called on the loop and must be quick. `clock` measures pauses and deadlines. `tls` verifies the PBX's certificate;
    None if `settings.tls` is off; its end is noted in `expiries`. `log_ins` is the circuit breaker for all log-ins; by
    default, this link has its own. `trace` records what is said. `undelivered_for`: see `PbxConnection`.
    """

    def __init__(
        self,
        settings: PbxSettings,
        password: Secret,
        clock: Clock,
        on_event: Callable[[PbxEvent], None],
        *,
        tls: ssl.SSLContext | None,
        random: Random,
        log_ins: LogIns | None = None,
        expiries: Expiries | None = None,
        trace: PbxTrace | None = None,
        undelivered_for: timedelta | None = None,
    ) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        self._on_event = on_event
        self._tls = tls
        self._expiries = expiries
        self._backoff = Backoff(random)
        account = Account("pbx.password", f"{settings.app} at {settings.host}".casefold())
        self._breaker = (log_ins or LogIns(clock)).breaker(account, password.reveal)
        self._internal_errors = InternalErrorLog(logger, clock)
        self._trace = LinkTrace(trace or NoPbxTrace(), clock)
        self._undelivered_for = undelivered_for
        self._connection: PbxConnection | None = None

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        while True:
            failure, retry_at = await self._served()
            self._on_event(LinkDown(failure, retry_at))
            await self._clock.sleep_until(retry_at)

    async def _served(self) -> tuple[PbxFailure, datetime]:
        """Serve one connection; return why it ended or was not attempted, and when the next attempt is due."""
        try:
            failure = await self._dialled()
        except Paused as pause:
            return self._refused(pause), pause.until
        retry_at = self._clock.now() + self._backoff.next(pauses_after(failure))
        if isinstance(failure, PbxLoginRefused) and (pauses := await self._breaker.pause()) is not None:
            return self._refused(pauses), max(pauses.until, retry_at)
        return failure, retry_at

    async def _dialled(self) -> PbxFailure:
        """Serve one connection; return why it ended. Raises `Paused` while no log-in may be tried."""
        logged_in = asyncio.Event()

        def begin(connection: PbxConnection) -> None:
            logged_in.set()
            connection.begin()

        async with contextlib.AsyncExitStack() as turn:
            log_in = await turn.enter_async_context(self._breaker.log_in())
            login = DialLogin(self._settings.app, self._password)
            connection = self._connection = PbxConnection(
                login,
                self._settings,
                self._clock,
                self._trace.connection(shown_url(self._settings)),
                on_usable=begin,
                on_event=self._on_event,
                before_login=lambda: self._before(log_in),
                internal_errors=self._internal_errors,
                undelivered_for=self._undelivered_for,
            )
            try:
                async with asyncio.TaskGroup() as tasks:
                    serving = tasks.create_task(connection.run(dial(self._settings, self._tls, self._expiries)))
                    serving.add_done_callback(lambda _: logged_in.set())
                    await logged_in.wait()
                    if connection.login:
                        await log_in.proved()
                        self._backoff.reset()
                    elif isinstance(serving.result(), PbxLoginRefused):
                        await log_in.refused()
                    elif login.is_sent:
                        await log_in.undecided(serving.result().detail)
                    await turn.aclose()
            finally:
                self._connection = None
        return serving.result()

    async def _before(self, log_in: LogIn) -> None:
        try:
            await log_in.sending()
        except Paused as pause:
            raise self._refused(pause) from None

    def _refused(self, pause: Paused) -> PbxLoginRefused:
        return pause.explain(PbxLoginRefused(f"App object {self._settings.app}: {pause}"))

    async def set_presence(
        self,
        guid: str,
        presence: Presence,
        *,
        contact: str = "",
        clear: ClearWith | None = None,
        claim: Claim = UNLIMITED,
    ) -> None:
        """Set the user's presence under our contact, or another `contact`; `clear` is how it is cleared, if not as set.
        May be called concurrently.

        Raises `PresenceRefused` with the PBX's reason; `PresenceUnanswered` when there is no answer within 10 s;
        `PbxUnreachable` when there is no connection, it is lost, or the PBX is not yet proved to be the master;
        `LeaseEnded` when `claim` ended before anything was sent, or right after it.
        """
        await self._connected().set_presence(guid, presence, contact=contact, clear=clear, claim=claim)

    async def read_presence(self, user_name: str) -> Presence:
        """Return the presence that the PBX has under our contact, or `CLEARED`; `user_name` is the h323 name.

        Raises `PresenceRefused`, `PresenceUnanswered`, `PbxUnreachable`.
        """
        return await self._connected().read_presence(user_name)

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        """Return all presences that the PBX has of a user, the newest first. Raises as `read_presence` does."""
        return await self._connected().read_entries(user_name)

    def _connected(self) -> PbxConnection:
        if self._connection is None:
            raise PbxUnreachable("not connected")
        return self._connection
