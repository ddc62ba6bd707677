"""One app's connection with the simulated PBX: base protocol, log-in, and which API gets what."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web

from engine.simulator.pbx.behaviour import MissingRight
from engine.simulator.pbx.presence_api import PresenceApi
from engine.simulator.pbx.state import PbxState
from engine.simulator.pbx.table_users_api import TableUsersApi
from engine.simulator.pbx.users import PbxUser
from engine.simulator.pbx.wire import Message, ProtocolBroken, error_result

Socket = web.WebSocketResponse | ClientWebSocketResponse


class Login(Protocol):
    """The PBX's part of the log-in, whichever side opened the socket."""

    done: bool

    def start(self, connection: "AppConnection") -> None:
        """The socket has opened."""
        ...

    def receive(self, connection: "AppConnection", mt: str, message: Message) -> None:
        """Take a message of the base protocol. Raises `ProtocolBroken`."""
        ...


class AppConnection:
    """Implements `Client` for one WebSocket. Who breaks the protocol is cut off, as with a strict PBX.

    `drop` resets the TCP connection, `vanish` closes it behind what was sent; `apis` are those the App object may use,
    None: as the PBX's behaviour says.
    """

    def __init__(
        self,
        pbx: PbxState,
        login: Login,
        socket: Socket,
        drop: Callable[[], None],
        vanish: Callable[[], None],
        apis: frozenset[str] | None = None,
    ) -> None:
        self.drop = drop
        self._vanish = vanish
        self._pbx = pbx
        self._login = login
        self._socket = socket
        self._apis = apis
        self._outbox = asyncio.Queue[tuple[Message, float]]()
        self._table_users = TableUsersApi(pbx, self.send)
        self._presence = PresenceApi(pbx, self.send)

    async def serve(self) -> None:
        """Answer until the connection ends."""
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
        """Tell a change of the user table to a client that replicates it."""
        self._table_users.changed(mt, user)

    def presence_changed(self, guid: str) -> None:
        """Tell a change of presence to a client that has subscribed to it."""
        self._presence.changed(guid)

    def tell_about_itself(self) -> None:
        """Send PbxInfo."""
        info: Message = {"domain": self._pbx.domain, "pbx": self._pbx.name, "pbxDns": "localhost"}
        self.send({"mt": "PbxInfo", **info, "apis": sorted(self._allowed)})

    def send(self, message: Message, delay: float = 0.0) -> None:
        """Put a message on the wire, after `delay` seconds."""
        self._outbox.put_nowait((message, delay))

    async def ping_and_vanish(self) -> None:
        """Send a ping and close the TCP connection behind it, so that the answer finds nobody."""
        await self._socket.ping()
        self._vanish()

    def hang_up(self) -> None:
        """End the connection without an answer."""
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
        """Return compact JSON, as a PBX writes it, without what the behaviour says that this one leaves out."""
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
