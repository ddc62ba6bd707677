"""Connection of one app with the simulated PBX: log-in, base protocol, App objects that dial out."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import aiohttp
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web

from engine.core.secret import Secret
from engine.simulator.pbx.apis import PresenceApi, TableUsersApi
from engine.simulator.pbx.state import (
    LoginAttempt,
    Message,
    MissingRight,
    PbxInfoSent,
    PbxState,
    PbxUser,
    ProtocolBroken,
    Refusal,
    error_result,
)

Socket = web.WebSocketResponse | ClientWebSocketResponse


class Login(Protocol):
    """The PBX's part of the log-in, whichever side opened the socket."""

    done: bool

    def start(self, connection: "AppConnection") -> None:
        """Called when the socket has opened."""
        ...

    def receive(self, connection: "AppConnection", mt: str, message: Message) -> None:
        """Process a message of the base protocol. Raises `ProtocolBroken`."""
        ...


@dataclass(frozen=True, slots=True)
class Wire:
    """The TCP connection below a WebSocket: `drop` resets it, `vanish` closes it behind what was sent, `hang` leaves
    unread whatever comes, until `recover`."""

    drop: Callable[[], None]
    vanish: Callable[[], None]
    hang: Callable[[], None]
    recover: Callable[[], None]


class AppConnection:
    """Implements `Client` for one WebSocket. Protocol violations end the connection, as with a strict PBX.

    `apis` are those the App object may use, None: those of the PBX's behaviour. `number` is what the ledger calls it.
    """

    def __init__(
        self,
        pbx: PbxState,
        login: Login,
        socket: Socket,
        wire: Wire,
        apis: frozenset[str] | None = None,
    ) -> None:
        self.drop = wire.drop
        self.hang = wire.hang
        self.recover = wire.recover
        self._vanish = wire.vanish
        self._pbx = pbx
        self._login = login
        self._socket = socket
        self._apis = apis
        self._outbox = asyncio.Queue[tuple[Message, float]]()
        self._table_users = TableUsersApi(pbx, self.send)
        self.number = next(pbx.connections)
        self._presence = PresenceApi(pbx, self.send, self.number)

    async def serve(self) -> None:
        """Serve the connection until it ends."""
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write(tasks))
            self._login.start(self)
            try:
                async for frame in self._socket:
                    if frame.type is WSMsgType.TEXT:
                        self._receive(json.loads(frame.data))
            except (ProtocolBroken, ValueError) as error:
                await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(error).encode()[:100])
            writer.cancel()

    def user_changed(self, mt: str, user: PbxUser) -> None:
        """Notify a client that replicates the user table of a change."""
        self._table_users.changed(mt, user)

    def presence_changed(self, guid: str) -> None:
        """Notify a client that has subscribed to a presence of a change."""
        self._presence.changed(guid)

    def tell_about_itself(self) -> None:
        """Send PbxInfo."""
        info: Message = {"domain": self._pbx.domain, "pbx": self._pbx.name, "pbxDns": "localhost"}
        self.send({"mt": "PbxInfo", **info, "apis": sorted(self._allowed)})

    def send(self, message: Message, delay: float = 0.0) -> None:
        """Send a message after `delay` seconds."""
        self._outbox.put_nowait((message, delay))

    async def ping_and_vanish(self) -> None:
        """Send a ping and close the TCP connection after it, so that the answer cannot be delivered."""
        with suppress(ConnectionError):  # it is vanishing already
            await self._socket.ping()
        self._vanish()

    def hang_up(self) -> None:
        """Close the connection without a response."""
        raise ProtocolBroken("the PBX hangs up")

    @property
    def _allowed(self) -> frozenset[str]:
        return self._pbx.behaviour.apis if self._apis is None else self._apis

    async def _write(self, tasks: asyncio.TaskGroup) -> None:
        held_back: list[asyncio.Task[None]] = []
        try:
            while True:
                message, delay = await self._outbox.get()
                if delay:
                    held_back.append(tasks.create_task(self._send_later(message, delay)))
                else:
                    await self._put_on_wire(message)
        except ConnectionError:
            return
        finally:
            for task in held_back:
                task.cancel()

    async def _send_later(self, message: Message, delay: float) -> None:
        await self._pbx.clock.sleep_until(self._pbx.clock.now() + timedelta(seconds=delay))
        self.send(message)

    async def _put_on_wire(self, message: Message) -> None:
        garbage, self._pbx.behaviour.garbage = self._pbx.behaviour.garbage, None
        if self._pbx.behaviour.sends_pings:
            await self._socket.ping()
        if garbage is not None:
            await self._socket.send_str(garbage)
        if garbage is None or not _is_answer(message):
            await self._socket.send_str(self._written(message))

    def _written(self, message: Message) -> str:
        """Return compact JSON, as a PBX writes it, without the members that this one leaves out by its behaviour."""
        behaviour = self._pbx.behaviour
        if _is_answer(message):
            kept = {"api": behaviour.names_api, "src": behaviour.echoes_src}
            message = {name: value for name, value in message.items() if kept.get(name, True)}
        elif not behaviour.echoes_src:
            message = {name: value for name, value in message.items() if name != "src"}
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        # Half of a surrogate pair has no UTF-8: it is escaped, as JavaScript does it (ECMA-262, JSON.stringify).
        return text.encode(errors="backslashreplace").decode()

    def _receive(self, message: object) -> None:
        if not isinstance(message, dict):
            raise ProtocolBroken("a message is a JSON object")
        match message.get("api") or None, message.get("mt"):
            case _, "Error":
                return
            case None, "KeepAlive":
                self._pbx.ledger.keep_alives += 1
                if self._pbx.behaviour.answers_keep_alive:
                    self.send({"mt": "KeepAlive"})
            case None, str(mt):
                self._login.receive(self, mt, message)
            case str(api), str(mt) if self._login.done:
                self._api(api, mt, message)
            case api, mt:
                raise ProtocolBroken(f"{mt} of {api} is unknown, or was sent before the log-in")

    def _api(self, api: str, mt: str, message: Message) -> None:
        if api not in self._allowed:
            if self._pbx.behaviour.missing_right is MissingRight.ERROR:
                self.send(error_result(message, "no access"))
        elif api == self._table_users.NAME:
            self._table_users.receive(mt, message)
        elif api == self._presence.NAME:
            self._presence.receive(mt, message)


def _is_answer(message: Message) -> bool:
    return str(message.get("mt")).endswith("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppObject:
    """An App object with "Websocket" ticked. `url` is its URL, `password` None the one of the PBX's other object.

    `apis` None: those of the PBX's behaviour. With `user`, a user who opens the app logs in instead of the object; such
    a log-in `names_object` or does not, as in the examples of the SDK.
    """

    url: str
    name: str = "calendar"
    dn: str = "Calendar & Präsenz"
    guid: str = "aa000000000000000000000000000001"
    password: Secret | None = None
    apis: frozenset[str] | None = None
    user: str = ""
    names_object: bool = True

    @property
    def app(self) -> str:
        """The last part of the URL, which is the app name in the log-in."""
        return self.url.rpartition("/")[2]

    @property
    def websocket_url(self) -> str:
        """The URL that the PBX connects to: that of the object without its last part (innovaphone SDK,
        AppWebsocket)."""
        return "ws" + self.url.rpartition("/")[0].removeprefix("http")


async def connect(
    http: aiohttp.ClientSession, app_object: AppObject, tls: ssl.SSLContext | None, *, answers_pings: bool
) -> aiohttp.ClientWebSocketResponse:
    """Open the WebSocket. Raises aiohttp.ClientError."""
    return await http.ws_connect(
        app_object.websocket_url, ssl=tls or True, max_msg_size=0, compress=0, autoping=answers_pings
    )


def wire_of(connection: aiohttp.ClientWebSocketResponse) -> Wire:
    """Return the TCP connection below a WebSocket that the PBX opened; once it has ended, nothing can be done to it."""

    def drop() -> None:
        end = connection.get_extra_info("socket")
        if end is not None:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def vanish() -> None:
        if (transport := _transport_of(connection)) is not None:
            transport.close()

    def hang() -> None:
        if (transport := _transport_of(connection)) is not None:
            transport.pause_reading()

    def recover() -> None:
        if (transport := _transport_of(connection)) is not None:
            transport.resume_reading()

    return Wire(drop, vanish, hang, recover)


def _transport_of(connection: aiohttp.ClientWebSocketResponse) -> asyncio.Transport | None:
    kept = connection._response.connection  # noqa: SLF001 - there is no other way to the transport
    return kept.transport if kept is not None else None


_LONGEST_CHALLENGE = 16


class AppLogsIn:
    """The log-in of an app that opened the socket: it has to prove the password of the App object that it names."""

    def __init__(self, pbx: PbxState) -> None:
        self.done = False
        self._pbx = pbx
        self._challenge: str | None = None

    def start(self, connection: AppConnection) -> None:
        """Do nothing, because the app begins."""

    def receive(self, connection: AppConnection, mt: str, message: Message) -> None:
        """Answer AppChallenge and AppLogin."""
        match mt:
            case "AppChallenge":
                self._challenged(connection)
            case "AppLogin":
                self._log_in(connection, message)
            case "CheckBuild":
                connection.send({"mt": "CheckBuildResult", "url": ""})
            case _:
                raise ProtocolBroken(f"{mt} is unknown")

    def _challenged(self, connection: AppConnection) -> None:
        self._pbx.ledger.challenges += 1
        if self._pbx.behaviour.answers_challenges:
            self._challenge = new_challenge()
            connection.send({"mt": "AppChallengeResult", "challenge": self._challenge})

    def _log_in(self, connection: AppConnection, message: Message) -> None:
        pbx, behaviour = self._pbx, self._pbx.behaviour
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            raise ProtocolBroken("AppLogin without a challenge")
        self.done = behaviour.accepts_logins and proves_password(message, pbx.app, pbx.password, challenge)
        pbx.ledger.logins.append(LoginAttempt(pbx.clock.now(), str(message.get("app")), self.done))
        if not behaviour.answers_logins:
            return
        if not self.done and behaviour.refuses_by is Refusal.CLOSING:
            connection.hang_up()
        if behaviour.pbx_info is PbxInfoSent.BEFORE_LOGIN:
            connection.tell_about_itself()
        connection.send({"mt": "AppLoginResult", "app": message.get("app"), "ok": self.done})
        if behaviour.pbx_info is PbxInfoSent.AFTER_LOGIN:
            connection.tell_about_itself()


class PbxLogsIn:
    """The log-in of the PBX, which opens the socket for an App object with "Websocket", and proves its password."""

    def __init__(self, pbx: PbxState, app_object: AppObject) -> None:
        self.done = False
        self._pbx = pbx
        self._object = app_object

    def start(self, connection: AppConnection) -> None:
        """Ask for a challenge."""
        if self._pbx.behaviour.pbx_info is PbxInfoSent.BEFORE_LOGIN:
            connection.tell_about_itself()
        connection.send({"mt": "AppChallenge"})

    def receive(self, connection: AppConnection, mt: str, message: Message) -> None:
        """Process the app's responses."""
        match mt:
            case "AppChallengeResult":
                connection.send(self._login(message))
            case "AppLoginResult":
                self._answered(connection, message)
            case "AppInfoResult" | "CheckBuildResult":
                self._pbx.ledger.answers.append(mt)
            case _:
                raise ProtocolBroken(f"{mt} is unknown")

    def _answered(self, connection: AppConnection, message: Message) -> None:
        self.done = message.get("ok") is True
        self._pbx.ledger.logins.append(LoginAttempt(self._pbx.clock.now(), self._object.app, self.done))
        if not self.done:
            connection.hang_up()
        if self._pbx.behaviour.pbx_info is not PbxInfoSent.NEVER_AT_ALL:
            connection.tell_about_itself()
        if self._pbx.behaviour.asks_about_the_app:
            connection.send({"mt": "AppInfo", "app": self._object.app})
            connection.send({"mt": "CheckBuild", "src": "b1", "build": "1"})

    def _login(self, answer: Message) -> Message:
        challenge = answer.get("challenge")
        if not isinstance(challenge, str) or not 0 < len(challenge) <= _LONGEST_CHALLENGE or not challenge.isascii():
            raise ProtocolBroken("a challenge is up to 16 printable characters")
        if challenge in self._pbx.ledger.challenges_met:
            raise ProtocolBroken("a challenge came twice")
        self._pbx.ledger.challenges_met.add(challenge)
        app = self._object
        info = {"appobj": app.name, "appdn": app.dn, "appurl": app.url, "pbx": self._pbx.name, "cn": app.name}
        login: Message = {"mt": "AppLogin", "sip": app.name, "guid": app.guid, "dn": app.dn}
        login |= {"domain": self._pbx.domain, "app": app.app, "info": {**info, "unlicensed": True, "apps": []}}
        if app.user:
            login |= {"sip": app.user, **({"pbxObj": app.name} if app.names_object else {})}
        return login | {"digest": digest_of(login, challenge, app.password or self._pbx.password)}


def new_challenge() -> str:
    """Return 16 random digits."""
    return f"{secrets.randbelow(10**16):016d}"


def digest_of(login: Message, challenge: str, password: Secret) -> str:
    """Return the digest of an AppLogin; `info` is included as it is sent (innovaphone SDK, AppWebsocket)."""
    fields = [login.get(name, "") for name in ("app", "domain", "sip", "guid", "dn")]
    if "info" in login:
        fields.append(json.dumps(login["info"], ensure_ascii=False, separators=(",", ":")))
    hashed = ":".join(str(field) for field in (*fields, challenge, password.reveal()))
    return hashlib.sha256(hashed.encode()).hexdigest()


def proves_password(login: Message, app: str, password: Secret, challenge: str) -> bool:
    """Return whether an AppLogin is for the App object `app` and has the digest of its password."""
    expected = digest_of(login, challenge, password)
    return login.get("app") == app and hmac.compare_digest(str(login.get("digest", "")).encode(), expected.encode())
