"""One connection to the PBX from opening to close, and the check that it is the right PBX."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from engine.core.claims import UNLIMITED, Claim, LeaseEnded
from engine.core.clock import Clock
from engine.core.internal_errors import InternalErrorLog
from engine.core.presence.model import CLEARED, Presence
from engine.display import one_line
from engine.pbx import protocol
from engine.pbx.delivery import ClaimedWrite, Delivery
from engine.pbx.entries import PresenceEntry, presence_of
from engine.pbx.errors import (
    Ender,
    PbxConnectionLost,
    PbxFailure,
    PbxLinkMistake,
    PbxNotUnderstood,
    PbxRightsMissing,
    PbxUnreachable,
    WrongPbx,
)
from engine.pbx.events import LinkUp, PbxEvent, UserRemoved, UsersComplete, UserSeen
from engine.pbx.liveness import Act, Liveness
from engine.pbx.login import LOGIN
from engine.pbx.protocol import (
    LONGEST_NAME,
    PRESENCE_API,
    USERS_API,
    ApiMessage,
    AppSession,
    HangUp,
    LoggedIn,
    Login,
    Message,
    PbxInfo,
    Send,
    SessionOutput,
    encode,
)
from engine.pbx.replication import Replication, ReplicationOutput
from engine.pbx.requests import Deadlines, Requests
from engine.pbx.trace import ConnectionTrace
from engine.pbx.websocket import Sign, WebSocket, lost, ping, receive, send, was_closed_on_purpose
from engine.settings.model import ClearWith, PbxSettings

_NEEDED = (PRESENCE_API, USERS_API)
_NAMED_HOMES = 5


class MasterCheck:
    """Compares the configured master with the name the PBX gives, or else with the home PBXs of its users."""

    def __init__(self, master: str) -> None:
        self._master = master
        self.passed = False

    def check(self, info: PbxInfo) -> None:
        """Check the PbxInfo of the PBX. Raises `WrongPbx`, `PbxRightsMissing`."""
        if info.pbx:
            if info.pbx.casefold() != self._master.casefold():
                raise WrongPbx(f"its name is {info.pbx}, not {self._master}", (info.pbx,))
            self.passed = True
        if missing := [api for api in _NEEDED if api not in info.apis]:
            raise PbxRightsMissing(", ".join(missing))

    def inferred(self, homes: Collection[str]) -> None:
        """Check the home PBXs of the users, for a PBX that does not give its name. Raises `WrongPbx`.

        Without users there is nothing to infer from, and nothing to write.
        """
        if not homes:
            return
        if self._master.casefold() not in {home.casefold() for home in homes}:
            found = tuple(sorted(filter(None, homes)))
            raise WrongPbx(f"the home PBX of the users is not {self._master}, but {_listed(homes)}", found)
        self.passed = True


def _listed(homes: Collection[str]) -> str:
    names = sorted(one_line(home, LONGEST_NAME) for home in homes if home)
    more = f" and {len(names) - _NAMED_HOMES} more" if len(names) > _NAMED_HOMES else ""
    return (", ".join(names[:_NAMED_HOMES]) + more) or "no PBX"


logger = logging.getLogger(__name__)

_IDLE_TIME = timedelta(seconds=60)
_KEEP_ALIVE: Message = {"mt": "KeepAlive"}


class PbxConnection:
    """One connection to the PBX, used once: `run` it, and call `set_presence` and `read_presence` meanwhile.

    `on_usable` is called once, when the log-in has succeeded and, if it was the PBX that logged in, when it has
    proved to be the master. The connection stays idle, without events, until `begin` is called. `before_login` is
    awaited before the proof of the password is sent. All that is said is noted in `trace`. `undelivered_for` is given
    where the engine shares its users with others: then nothing is written without a claim, and what the PBX has not
    acknowledged for that long ends the connection.
    """

    def __init__(
        self,
        login: Login,
        settings: PbxSettings,
        clock: Clock,
        trace: ConnectionTrace,
        *,
        on_usable: Callable[["PbxConnection"], None],
        on_event: Callable[[PbxEvent], None],
        before_login: Callable[[], Awaitable[None]] | None = None,
        internal_errors: InternalErrorLog | None = None,
        undelivered_for: timedelta | None = None,
    ) -> None:
        self._settings = settings
        self._internal_errors = internal_errors or InternalErrorLog(logger, clock)
        self._clock = clock
        self._trace = trace
        self._on_usable = on_usable
        self._on_event = on_event
        self._before_login = before_login
        self._session = AppSession(login)
        self._replication = Replication()
        self._master = MasterCheck(settings.master)
        self._deadlines = Deadlines(clock)
        self._liveness = Liveness(clock)
        self._outbox = asyncio.Queue[Message | ClaimedWrite | PbxFailure | Act]()
        self._requests = Requests(self._deadlines, self._send, self._liveness.unanswered)
        self._delivery: Delivery | None = None
        if undelivered_for is not None:
            self._delivery = Delivery(self._requests, clock, undelivered_for, sent=trace.sent)
        self._last_traffic = clock.now()
        self._login: LoggedIn | None = None
        self._info: PbxInfo | None = None
        self._usable = False
        self._begun = False
        self._announced: LinkUp | None = None
        self._ended: asyncio.Future[PbxFailure] = asyncio.get_running_loop().create_future()
        self._parts: list[asyncio.Task[None]] = []

    @property
    def login(self) -> LoggedIn | None:
        """The log-in, None until it has succeeded."""
        return self._login

    @property
    def pbx(self) -> str:
        """The name that the PBX gave; "" as long as it gave none."""
        return self._info.pbx if self._info else ""

    async def run(self, opening: AbstractAsyncContextManager[WebSocket]) -> PbxFailure:
        """Open the socket, log in and serve until the connection ends; return the reason."""
        try:
            async with asyncio.TaskGroup() as tasks:
                # No failure may leave a task as an exception: a failing group swallows a cancellation from outside.
                self._start(tasks, self._watch)
                self._start(tasks, lambda: self._converse(opening, tasks))
                try:
                    return await self._ended
                finally:
                    self._requests.close()
                    for part in self._parts:
                        part.cancel()
        finally:
            is_cancelled = not self._ended.done() or self._ended.cancelled()
            self._trace.ended(None if is_cancelled else self._ended.result())

    def begin(self) -> None:
        """Use this connection: announce it and replicate its users."""
        self._begun = True
        self._announce()
        self._perform_replication(self._replication.start())

    def end(self, failure: PbxFailure) -> None:
        """Make `run` return `failure`, unless the connection is ending for another reason already."""
        if not self._ended.done():
            self._ended.set_result(failure)

    async def set_presence(
        self,
        guid: str,
        wanted: Presence,
        *,
        contact: str = "",
        clear: ClearWith | None = None,
        claim: Claim = UNLIMITED,
    ) -> None:
        """Write the presence of one user, under another `contact` or cleared in another way if one is given.

        Raises `PresenceRefused`, `PbxUnreachable`, and `LeaseEnded` if `claim` ended before anything was sent.
        """
        if not self._master.passed:
            raise PbxUnreachable("the name of the PBX has not been checked yet")
        settings, guid = self._settings, self._replication.guid_as_sent(guid)
        await self._requests.ask(
            protocol.set_presence(
                guid, wanted, contact=contact or settings.presence_contact, clear=clear or settings.clear
            ),
            send=self._sending_under(claim),
        )

    async def read_presence(self, user_name: str) -> Presence:
        """Return what the PBX holds for our contact, `CLEARED` if nothing. Raises as `read_entries` does."""
        return presence_of(await self.read_entries(user_name), self._settings.presence_contact) or CLEARED

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        """Return all presences of a user, the newest first. Raises `PresenceRefused`, `PbxUnreachable`."""
        if self._login is None:
            raise PbxUnreachable("not logged in yet")
        update = await self._requests.ask(
            protocol.subscribe_presence(user_name), afterwards=protocol.unsubscribe_presence(user_name)
        )
        return protocol.entries_in(update)

    def _sending_under(self, claim: Claim) -> Callable[[Message], None]:
        """Return what sends a write; raises `LeaseEnded` where a lease is in force and the write has no claim."""
        if self._delivery is None and claim is UNLIMITED:
            return self._send
        if self._delivery is None or claim is UNLIMITED:
            raise LeaseEnded("a write needs a claim where users are shared, and only there")
        return lambda message: self._queue(ClaimedWrite(message, claim))

    def _start(self, tasks: asyncio.TaskGroup, part: Callable[[], Awaitable[None]]) -> None:
        self._parts.append(tasks.create_task(self._until_failure(part)))

    async def _until_failure(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run `part` and end the connection when it fails; a task cancelled before its start never calls it."""
        try:
            await part()
        except PbxFailure as failure:
            self.end(failure)
        except Exception as internal_error:
            self._internal_errors.write("the connection to the PBX", internal_error)
            self.end(PbxLinkMistake(type(internal_error).__name__))

    async def _converse(self, opening: AbstractAsyncContextManager[WebSocket], tasks: asyncio.TaskGroup) -> None:
        self._deadlines.expect("socket", self._not_connected)
        async with opening as socket:
            self._deadlines.met("socket")
            self._trace.opened()
            if (delivery := self._delivery) is not None:
                delivery.limit(socket)
                self._start(tasks, lambda: delivery.watch(socket))
            self._deadlines.expect("log-in", self._login_unanswered)
            self._start(tasks, lambda: self._write(socket))
            await self._until_failure(lambda: self._read(socket))

    async def _read(self, socket: WebSocket) -> None:
        self._perform_session(self._session.start())
        self._liveness.heard()
        while (received := await receive(socket)) is not Sign.END:
            self._liveness.heard(pong=received is Sign.PONG)
            if received is Sign.PONG:
                self._trace.ponged()
            if isinstance(received, str):
                self._trace.received(received)
                self._last_traffic = self._clock.now()
                self._perform_session(self._session.receive(received))
        on_purpose = self._session.closed() if was_closed_on_purpose(socket) else None
        raise on_purpose or lost(socket)

    async def _write(self, socket: WebSocket) -> None:
        while True:
            message = await self._outbox.get()
            match message:
                case PbxFailure():
                    raise message
                case Act():
                    self._trace.pinged()
                    await ping(socket)
                case ClaimedWrite():
                    assert self._delivery is not None  # noqa: S101 - see `_sending_under`
                    await self._delivery.send(socket, message)
                case _:
                    if self._before_login is not None and message["mt"] == LOGIN:
                        await self._before_login()
                    text = encode(message)
                    self._trace.sent(text)
                    await send(socket, text)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep_until(
                min(self._deadlines.next_look(), self._liveness.next_look(), self._last_traffic + _IDLE_TIME)
            )
            self._deadlines.expire()
            self._trace.look()
            act = self._liveness.look()
            if act is Act.GIVE_UP:
                raise PbxConnectionLost("the PBX no longer responds", Ender.ENGINE)
            if act is Act.PING:
                self._outbox.put_nowait(act)
            if self._last_traffic + _IDLE_TIME <= self._clock.now():
                self._send(_KEEP_ALIVE)

    def _send(self, message: Message) -> None:
        self._queue(message)

    def _queue(self, message: Message | ClaimedWrite) -> None:
        self._last_traffic = self._clock.now()
        self._outbox.put_nowait(message)

    def _perform_session(self, outputs: Iterable[SessionOutput]) -> None:
        for output in outputs:
            match output:
                case Send(message):
                    self._send(message)
                case HangUp(failure):
                    self._outbox.put_nowait(failure)
                case LoggedIn():
                    self._logged_in(output)
                case PbxInfo():
                    self._told(output)
                case ApiMessage(api=protocol.USERS_API) if self._begun:
                    self._perform_replication(self._replication.receive(output.mt, output.body))
                case ApiMessage(api=protocol.PRESENCE_API):
                    self._requests.receive(output)

    def _logged_in(self, login: LoggedIn) -> None:
        self._login = login
        self._trace.logged_in()
        self._deadlines.met("log-in")
        if self._session.accepts and self._info is None:
            self._deadlines.expect("PbxInfo", self._info_missing)
        self._offer()

    def _told(self, info: PbxInfo) -> None:
        self._info = info
        self._deadlines.met("PbxInfo")
        self._master.check(info)
        self._offer()
        self._announce()

    def _offer(self) -> None:
        """Report once that this connection may be used. A PBX that logs in always sends its name (SDK, PbxInfo)."""
        if self._usable or self._login is None or (self._session.accepts and self._info is None):
            return
        self._usable = True
        self._on_usable(self)

    def _perform_replication(self, outputs: Iterable[ReplicationOutput]) -> None:
        for output in outputs:
            match output:
                case Send(message):
                    self._deadlines.expect("replication", self._replication_unanswered)
                    self._send(message)
                case UsersComplete():
                    self._deadlines.met("replication")
                    self._prove_master()
                    self._on_event(output)
                case UserSeen() | UserRemoved():
                    self._prove_master()
                    self._on_event(output)

    def _prove_master(self) -> None:
        if self._replication.complete and not self._master.passed:
            self._master.inferred(self._replication.homes)

    def _announce(self) -> None:
        """Report the log-in, and report it again when a later PbxInfo adds something."""
        if not self._begun or self._login is None:
            return
        info = self._info or PbxInfo(pbx="", domain="", apis=frozenset())
        link = LinkUp(info.pbx or None, self._settings.domain or info.domain or self._login.domain)
        if link != self._announced:
            self._announced = link
            self._on_event(link)

    def _not_connected(self) -> None:
        raise PbxUnreachable(f"{self._settings.host}:{self._settings.port} does not answer")

    def _info_missing(self) -> None:
        raise PbxNotUnderstood("PbxInfo did not follow the log-in")

    def _login_unanswered(self) -> None:
        raise self._session.unanswered()

    def _replication_unanswered(self) -> None:
        self._perform_replication(self._replication.unanswered())
