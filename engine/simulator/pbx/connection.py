"""One app's connection to the simulated PBX: base protocol, log-in, and which API gets what."""

import asyncio
import json
from datetime import timedelta

from aiohttp import WSCloseCode, WSMsgType, web

from engine.simulator.pbx.behaviour import MissingRight, PbxInfoSent
from engine.simulator.pbx.ledger import LoginAttempt
from engine.simulator.pbx.login import new_challenge, proves_password
from engine.simulator.pbx.presence_api import PresenceApi
from engine.simulator.pbx.state import PbxState
from engine.simulator.pbx.table_users_api import TableUsersApi
from engine.simulator.pbx.users import PbxUser
from engine.simulator.pbx.wire import Message, ProtocolBroken, error_result


class AppConnection:
    """Implements `Client` for one WebSocket. Who breaks the protocol is cut off, as with a strict PBX."""

    def __init__(self, pbx: PbxState, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._pbx = pbx
        self._socket = socket
        self._transport = transport
        self._outbox = asyncio.Queue[tuple[Message, float]]()
        self._challenge: str | None = None
        self._logged_in = False
        self._table_users = TableUsersApi(pbx, self._send)
        self._presence = PresenceApi(pbx, self._send)

    async def serve(self) -> None:
        """Answer until the connection ends."""
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write(tasks))
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
        apis = sorted(self._pbx.behaviour.apis)
        info: Message = {"domain": self._pbx.domain, "pbx": self._pbx.name, "pbxDns": "localhost", "apis": apis}
        self._send({"mt": "PbxInfo", **info})

    def drop(self) -> None:
        """Reset the TCP connection."""
        self._transport.abort()

    def _send(self, message: Message, delay: float = 0.0) -> None:
        self._outbox.put_nowait((message, delay))

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
        self._send(message)

    async def _put_on_wire(self, message: Message) -> None:
        garbage, self._pbx.behaviour.garbage = self._pbx.behaviour.garbage, None
        await self._socket.send_str(json.dumps(message, ensure_ascii=False) if garbage is None else garbage)

    def _receive(self, message: object) -> None:
        if not isinstance(message, dict):
            raise ProtocolBroken("a message is a JSON object")
        match message.get("api"), message.get("mt"):
            case None, "AppChallenge":
                self._challenged()
            case None, "AppLogin":
                self._login(message)
            case None, "KeepAlive":
                self._pbx.ledger.keep_alives += 1
            case str(api), str(mt) if self._logged_in:
                self._api(api, mt, message)
            case api, mt:
                raise ProtocolBroken(f"{mt} of {api} is unknown, or was sent before the log-in")

    def _challenged(self) -> None:
        self._pbx.ledger.challenges += 1
        if self._pbx.behaviour.answers_challenges:
            self._challenge = new_challenge()
            self._send({"mt": "AppChallengeResult", "challenge": self._challenge})

    def _login(self, message: Message) -> None:
        pbx = self._pbx
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            raise ProtocolBroken("AppLogin without a challenge")
        self._logged_in = pbx.behaviour.accepts_logins and proves_password(message, pbx.app, pbx.password, challenge)
        pbx.ledger.logins.append(LoginAttempt(pbx.clock.now(), str(message.get("app")), self._logged_in))
        if not pbx.behaviour.answers_logins:
            return
        if pbx.behaviour.pbx_info is PbxInfoSent.BEFORE_LOGIN:
            self.tell_about_itself()
        self._send({"mt": "AppLoginResult", "app": message.get("app"), "ok": self._logged_in})
        if pbx.behaviour.pbx_info is PbxInfoSent.AFTER_LOGIN:
            self.tell_about_itself()

    def _api(self, api: str, mt: str, message: Message) -> None:
        if api not in self._pbx.behaviour.apis:
            if self._pbx.behaviour.missing_right is MissingRight.ERROR:
                self._send(error_result(message, "no access"))
        elif api == self._table_users.NAME:
            self._table_users.receive(mt, message)
        elif api == self._presence.NAME:
            self._presence.receive(mt, message)
