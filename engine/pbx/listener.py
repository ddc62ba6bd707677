"""The lasting link to the PBX where the PBX connects to us: lets connections in, and uses one of the master's."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import timedelta

from aiohttp import web

from engine.core.clock import Clock
from engine.core.presence.model import Presence
from engine.core.secret import Secret
from engine.core.settings.model import PbxSettings
from engine.pbx.certificate import ListenCertificate, listen_names
from engine.pbx.connection import Connection
from engine.pbx.door import Door, Guest, open_port
from engine.pbx.events import LinkDown, Listening, PbxEvent, PbxTurnedAway, PbxWelcome
from engine.pbx.failures import (
    ListenCertificateUnusable,
    PbxFailure,
    PbxNotConnected,
    PbxPasswordWrong,
    PbxRightsMissing,
    PbxUnreachable,
    UserLoginRefused,
    WrongPbx,
)
from engine.pbx.guests import Guests
from engine.pbx.listen_login import ListenLogin, new_challenge
from engine.pbx.websocket import accepted, new_server_socket

CERTIFICATE_LOOKED_AT = timedelta(hours=1)
RETRY = timedelta(seconds=60)
"""Pause before the port is tried again that could not be opened."""

MOST_TURNED_AWAY = 32
"""Of so many the reason is remembered, so that it is told once."""

logger = logging.getLogger(__name__)


class PbxListener:
    """Does the same as `PbxLink`, with the same events, except that the PBX opens the connection.

    Several PBXs and several App objects may connect. One connection of the master is used; its others stand by and
    take over when that one ends. Whoever is not the master, lacks a right or the password is told by PbxTurnedAway,
    once for each reason, and PbxWelcome ends it. LinkDown gives no time of a next try, since that is up to the PBX.
    """

    def __init__(
        self,
        settings: PbxSettings,
        password: Secret,
        clock: Clock,
        on_event: Callable[[PbxEvent], None],
        *,
        certificate: ListenCertificate,
    ) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        self._on_event = on_event
        self._certificate = certificate
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._guests = Guests(clock)
        self._open: list[Connection] = []
        self._usable: list[Connection] = []
        self._in_use: Connection | None = None
        self._turned_away: dict[str, str] = {}

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            failure = await self._listen()
            retry_at = self._clock.now() + RETRY
            self._on_event(LinkDown(failure, retry_at))
            await self._clock.sleep_until(retry_at)

    async def set_presence(self, guid: str, presence: Presence, *, contact: str = "") -> None:
        """See `PbxLink.set_presence`."""
        await self._connected().set_presence(guid, presence, contact=contact)

    async def read_presence(self, user_name: str) -> Presence:
        """See `PbxLink.read_presence`."""
        return await self._connected().read_presence(user_name)

    def _connected(self) -> Connection:
        if self._in_use is None:
            raise PbxUnreachable("the PBX is not connected")
        return self._in_use

    async def _listen(self) -> PbxFailure:
        """Let connections in until cancelled; return why if that is impossible."""
        try:
            fingerprint = await self._load_certificate()
            listening = open_port(self._settings.listen_address, self._settings.listen_port)
        except PbxFailure as failure:
            return failure
        with listening:
            url = _app_object_url(self._settings, listening.getsockname()[1])
            self._on_event(Listening(url, fingerprint))
            self._on_event(LinkDown(PbxNotConnected(f"the URL is {url}"), None))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._renew_certificate(url, fingerprint))
                try:
                    await Door(self._handle, self._tls, self._guests, self._clock).run(listening)
                finally:
                    self._send_all_away()

    async def _load_certificate(self) -> str:
        return await asyncio.to_thread(self._certificate.load, self._tls, self._clock.now())

    async def _renew_certificate(self, url: str, shown: str) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now() + CERTIFICATE_LOOKED_AT)
            try:
                fingerprint = await self._load_certificate()
            except ListenCertificateUnusable as failure:
                logger.warning("%s. The former one is still shown. %s", failure, failure.remedy)
                continue
            if fingerprint != shown:
                shown = fingerprint
                self._on_event(Listening(url, shown))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.rstrip("/") != self._settings.listen_path.rstrip("/"):
            return _only(web.Response(status=404))
        socket = new_server_socket()
        if not socket.can_prepare(request):
            return _only(web.Response(text="calendar-engine: this is where the PBX connects.\n"))
        await socket.prepare(request)
        guest = request.protocol
        assert isinstance(guest, Guest)  # noqa: S101 - the door makes no others
        await self._serve(socket, guest)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, guest: Guest) -> None:
        def usable(connection: Connection) -> None:
            guest.is_no_guest()
            self._welcome(guest.address)
            self._welcome(connection.pbx)
            self._take(connection)

        login = ListenLogin(self._password, new_challenge)
        connection = Connection(login, self._settings, self._clock, on_usable=usable, on_event=self._on_event)
        self._open.append(connection)
        try:
            failure = await connection.run(accepted(socket))
        finally:
            self._open.remove(connection)
        self._ended(connection, failure, guest.address)

    def _take(self, connection: Connection) -> None:
        """Use this connection, or keep it for later. An App object that connects anew has lost its former one."""
        for former in self._usable:
            if former.login == connection.login:
                former.end(PbxUnreachable("the PBX connected anew"))
        self._usable.append(connection)
        self._use_one()

    def _use_one(self) -> None:
        if self._in_use is None and self._usable:
            self._in_use = self._usable[0]
            self._in_use.begin()

    def _ended(self, connection: Connection, failure: PbxFailure, address: str) -> None:
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
                self._guests.failed(address)
                self._turn_away(address, failure)
            case UserLoginRefused():
                logger.info("%s (%s). %s", failure, address, failure.remedy)

    def _welcome(self, name: str) -> None:
        if self._turned_away.pop(name, None):
            self._on_event(PbxWelcome(name))

    def _turn_away(self, name: str, failure: PbxFailure) -> None:
        if self._turned_away.get(name) == str(failure):
            return
        self._turned_away[name] = str(failure)
        if len(self._turned_away) > MOST_TURNED_AWAY:
            del self._turned_away[next(iter(self._turned_away))]
        self._on_event(PbxTurnedAway(name, failure))

    def _send_all_away(self) -> None:
        self._in_use = None
        self._usable.clear()
        for connection in self._open:
            connection.end(PbxUnreachable("the engine stops listening"))


def _app_object_url(settings: PbxSettings, port: int) -> str:
    """Return what to enter as the URL of the App object: the PBX takes the last part off to connect (SDK)."""
    return f"https://{listen_names(settings)[0]}:{port}{settings.listen_path.rstrip('/')}/{settings.app}"


def _only(response: web.Response) -> web.Response:
    """Have the connection closed after this response."""
    response.force_close()
    return response
