"""The permanent link to the PBX if the PBX connects to the engine: accepts connections, and uses one of the master."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import timedelta

from aiohttp import web

from engine.core.claims import UNLIMITED, Claim
from engine.core.clock import Clock
from engine.core.expiry import Expiries, Expiring
from engine.core.internal_errors import InternalErrorLog
from engine.core.message_limiter import MessageLimiter
from engine.core.presence.model import Presence
from engine.core.secret import Secret
from engine.pbx.addresses import KnownAddresses
from engine.pbx.admission import UPGRADED, AdmissionLimiter, PbxAcceptor, PendingConnection, open_port
from engine.pbx.certificate import ListenCertificate, listen_names
from engine.pbx.connection import PbxConnection
from engine.pbx.entries import PresenceEntry
from engine.pbx.errors import (
    Ender,
    ListenCertificateUnusable,
    PbxConnectionLost,
    PbxFailure,
    PbxNotConnected,
    PbxPasswordWrong,
    PbxRightsMissing,
    PbxUnreachable,
    UserLoginRefused,
    WrongPbx,
)
from engine.pbx.events import LinkDown, Listening, PbxAccepted, PbxDeclined, PbxEvent
from engine.pbx.login import ListenLogin, new_challenge
from engine.pbx.trace import LinkTrace, NoPbxTrace, PbxTrace
from engine.pbx.websocket import accepted, keep_alive, new_server_socket
from engine.settings.model import ClearWith, PbxSettings

CERTIFICATE_LOOKED_AT = timedelta(hours=1)
RETRY = timedelta(seconds=60)
"""Pause before another attempt to open the port."""

MOST_TURNED_AWAY = 32
"""Limit on rejected PBXs that are reported at the same time."""

logger = logging.getLogger(__name__)


class PbxListener:
    """Link to the PBX like `PbxLink`, with the same events, except that the PBX opens the connection.

    Several PBXs and several App objects may connect. One connection of the master is used; its others stand by and
    take over when that one ends. A PBX that is not the master or lacks a right or the password is reported by
    `PbxDeclined`, at once for each reason and then from time to time with a count, until `PbxAccepted`. `LinkDown` has
    no time of a next attempt, because that is up to the PBX. The end of the certificate is noted in `expiries`, and
    what is said in `trace`. `undelivered_for`: see `PbxConnection`.
    """

    def __init__(
        self,
        settings: PbxSettings,
        password: Secret,
        clock: Clock,
        on_event: Callable[[PbxEvent], None],
        *,
        certificate: ListenCertificate,
        known: KnownAddresses | None = None,
        expiries: Expiries | None = None,
        trace: PbxTrace | None = None,
        undelivered_for: timedelta | None = None,
    ) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        self._on_event = on_event
        self._certificate = certificate
        self._expiries = expiries
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._known = known or KnownAddresses()
        self._is_to_be_kept = asyncio.Event()
        self._limiter = AdmissionLimiter[PendingConnection](clock, self._known)
        self._open: list[PbxConnection] = []
        self._usable: list[PbxConnection] = []
        self._in_use: PbxConnection | None = None
        self._turned_away: dict[str, type[PbxFailure]] = {}
        self._refusals = MessageLimiter(clock)
        self._internal_errors = InternalErrorLog(logger, clock)
        self._internal_error: asyncio.Future[None] | None = None
        self._trace = LinkTrace(trace or NoPbxTrace(), clock)
        self._undelivered_for = undelivered_for
        self._url = ""

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            failure = await self._listen()
            retry_at = self._clock.now() + RETRY
            self._on_event(LinkDown(failure, retry_at))
            await self._clock.sleep_until(retry_at)

    async def set_presence(
        self,
        guid: str,
        presence: Presence,
        *,
        contact: str = "",
        clear: ClearWith | None = None,
        claim: Claim = UNLIMITED,
    ) -> None:
        """See `PbxLink.set_presence`."""
        await self._connected().set_presence(guid, presence, contact=contact, clear=clear, claim=claim)

    async def read_presence(self, user_name: str) -> Presence:
        """See `PbxLink.read_presence`."""
        return await self._connected().read_presence(user_name)

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        """See `PbxLink.read_entries`."""
        return await self._connected().read_entries(user_name)

    def _connected(self) -> PbxConnection:
        if self._in_use is None:
            raise PbxUnreachable("the PBX is not connected")
        return self._in_use

    async def _listen(self) -> PbxFailure:
        """Accept connections until cancelled; return the failure if that is impossible."""
        try:
            await asyncio.to_thread(self._known.load)
            fingerprint = await self._load_certificate()
            listening = open_port(self._settings.listen_address, self._settings.listen_port)
        except PbxFailure as failure:
            return failure
        with listening:
            url = self._url = app_object_url(self._settings, listening.getsockname()[1])
            self._on_event(Listening(url, fingerprint))
            self._on_event(LinkDown(PbxNotConnected(f"the URL is {url}"), None))
            self._internal_error = asyncio.get_running_loop().create_future()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_raised(self._internal_error))
                tasks.create_task(self._renew_certificate(url, fingerprint))
                tasks.create_task(self._keep_addresses())
                try:
                    await PbxAcceptor(self._handle, self._tls, self._limiter, self._clock).run(listening)
                finally:
                    self._send_all_away()

    async def _load_certificate(self) -> str:
        presented = await asyncio.to_thread(self._certificate.load, self._tls, self._clock.now())
        if self._expiries is not None:
            self._expiries.note(Expiring.LISTENING_CERTIFICATE, presented.ends)
        return presented.fingerprint

    async def _renew_certificate(self, url: str, shown: str) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now() + CERTIFICATE_LOOKED_AT)
            try:
                fingerprint = await self._load_certificate()
            except ListenCertificateUnusable as failure:
                logger.warning("%s. The former one stays in use. %s", failure, failure.remedy)
                continue
            if fingerprint != shown:
                shown = fingerprint
                self._on_event(Listening(url, shown))

    async def _keep_addresses(self) -> None:
        while True:
            await self._is_to_be_kept.wait()
            self._is_to_be_kept.clear()
            try:
                await asyncio.to_thread(self._known.save)
            except OSError as error:
                logger.warning("the address of the PBX cannot be saved: %s", error.strerror or error)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.rstrip("/") != self._settings.listen_path.rstrip("/"):
            return _only(web.Response(status=404))
        socket = new_server_socket()
        request = _without_subprotocols(request)
        try:
            is_websocket = bool(socket.can_prepare(request))
        except ValueError:  # an invalid key
            return _only(web.Response(status=400))
        if not is_websocket:
            return _only(web.Response(text="calendar-engine: the PBX connects here.\n"))
        await socket.prepare(request)
        pending = request.protocol
        assert isinstance(pending, PendingConnection)  # noqa: S101 - `PbxAcceptor` makes no others
        pending.progress = UPGRADED
        keep_alive(socket.get_extra_info("socket"))
        await self._serve(socket, pending)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, pending: PendingConnection) -> None:
        def usable(connection: PbxConnection) -> None:
            pending.authenticated()
            if self._limiter.logged_in(pending.address):
                self._is_to_be_kept.set()
            self._welcome(pending.address)
            self._welcome(connection.pbx)
            self._take(connection)

        login = ListenLogin(self._password, new_challenge)
        connection = PbxConnection(
            login,
            self._settings,
            self._clock,
            self._trace.connection(self._url, pending.address),
            on_usable=usable,
            on_event=self._on_event,
            internal_errors=self._internal_errors,
            undelivered_for=self._undelivered_for,
        )
        self._open.append(connection)
        try:
            failure = await connection.run(accepted(socket))
        finally:
            self._open.remove(connection)
        try:
            self._ended(connection, failure, pending.address)
        except Exception as internal_error:
            # The HTTP library would treat it as an error of the peer, and no connection would be used any more.
            if self._internal_error is not None and not self._internal_error.done():
                self._internal_error.set_exception(internal_error)

    def _take(self, connection: PbxConnection) -> None:
        """Use this connection, or keep it for later. An App object that reconnects has lost its former one."""
        for former in self._usable:
            if former.login == connection.login:
                former.end(PbxConnectionLost("the PBX connected again", Ender.PBX))
        self._usable.append(connection)
        self._use_one()

    def _use_one(self) -> None:
        if self._in_use is None and self._usable:
            self._in_use = self._usable[0]
            self._in_use.begin()

    def _ended(self, connection: PbxConnection, failure: PbxFailure, address: str) -> None:
        if connection in self._usable:
            self._usable.remove(connection)
        if connection is self._in_use:
            self._in_use = None
            self._on_event(LinkDown(failure, None))
            self._use_one()
        match failure:
            case WrongPbx() | PbxRightsMissing():
                self._turn_away(connection.pbx or address, failure)
            case PbxPasswordWrong():
                self._limiter.failed(address)
                self._turn_away(address, failure)
            case UserLoginRefused():
                if times := self._refusals.happened((address, type(failure))):
                    logger.info("%s (%s, %s). %s", failure, address, times, failure.remedy)

    def _welcome(self, name: str) -> None:
        if name in self._turned_away:
            self._refusals.over((name, self._turned_away.pop(name)))
            self._on_event(PbxAccepted(name))

    def _turn_away(self, name: str, failure: PbxFailure) -> None:
        """Report a rejected peer and the reason; one that comes again and again, or changes its name, only rarely."""
        times = self._refusals.happened((name, type(failure)))
        if not times:
            return
        if times > 1:
            failure = type(failure)(f"{failure.detail} ({times} times)")
        self._turned_away.pop(name, None)
        while len(self._turned_away) >= MOST_TURNED_AWAY:
            oldest = next(iter(self._turned_away))
            del self._turned_away[oldest]
            self._on_event(PbxAccepted(oldest))
        self._turned_away[name] = type(failure)
        self._on_event(PbxDeclined(name, failure))

    def _send_all_away(self) -> None:
        self._in_use = None
        self._usable.clear()
        for connection in self._open:
            connection.end(PbxConnectionLost("the engine stops listening", Ender.ENGINE))


def app_object_url(settings: PbxSettings, port: int) -> str:
    """Return the URL to enter at the App object: the PBX removes its last part to connect (SDK)."""
    return f"https://{listen_names(settings)[0]}:{port}{settings.listen_path.rstrip('/')}/{settings.app}"


async def _raised(internal_error: asyncio.Future[None]) -> None:
    """Raise a mistake in the task group that this runs in, once there is one."""
    await internal_error


def _only(response: web.Response) -> web.Response:
    """Mark the connection to be closed after this response."""
    response.force_close()
    return response


def _without_subprotocols(request: web.BaseRequest) -> web.BaseRequest:
    """Remove the subprotocols: none is supported (innovaphone has none), and the HTTP library would log them."""
    headers = request.headers.copy()
    headers.popall("Sec-WebSocket-Protocol", None)
    return request.clone(headers=headers)
