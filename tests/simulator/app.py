"""An App of the PBX that sends hand-written messages over a real socket, and the simulated PBX it speaks to."""

import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from engine.core.secret import Secret
from engine.simulator.pbx.server import PATH, PbxSimulator
from engine.simulator.pbx.state import (
    PbxUser,
)
from tests.support.clock import ManualClock
from tests.support.eventually import patience

PASSWORD = "s3cret"
ANNA = PbxUser(guid="b01", h323="anna", cn="Anna Berg", loc="master", emails=("anna@example.net",), groups=("sales",))
BEN = PbxUser(guid="b02", h323="ben", loc="master")
SET = {"api": "PbxApi", "mt": "SetPresence", "src": "7", "guid": "b01", "contact": "calendar:"}
SUBSCRIBE = {"api": "PbxApi", "mt": "SubscribePresence", "src": "s", "sip": "anna"}
START = {"api": "PbxTableUsers", "mt": "ReplicateStart", "src": "t", "add": True, "del": True}
NEXT = {"api": "PbxTableUsers", "mt": "ReplicateNext", "src": "n"}
COLUMNS: dict[str, Any] = {"guid": {}, "h323": {}, "emails": {}, "grps": {}}


class App:
    """A client that sends what it is told to and checks nothing."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, message: object) -> None:
        await self.socket.send_str(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with patience():
            message: dict[str, Any] = json.loads(await self.socket.receive_str())
        return message

    async def ask(self, message: object) -> dict[str, Any]:
        await self.send(message)
        return await self.receive()

    async def log_in(self, password: str = PASSWORD, app: str = "calendar") -> dict[str, Any]:
        challenge = (await self.ask({"mt": "AppChallenge"}))["challenge"]
        digest = hashlib.sha256(f"{app}:::::{challenge}:{password}".encode()).hexdigest()
        return await self.ask({"mt": "AppLogin", "app": app, "digest": digest})

    async def rows(self, **start: Any) -> list[dict[str, Any]]:
        """Replicate to the end; return the rows."""
        await self.ask({**START, "columns": COLUMNS, **start})
        rows = []
        while "columns" in (answer := await self.ask(NEXT)):
            rows.append(answer["columns"])
        return rows

    async def cut_off_with(self) -> int | None:
        """Wait until the PBX ends the connection; return its close code."""
        async with patience():
            await self.socket.receive()
        return self.socket.close_code


@asynccontextmanager
async def app_at(pbx: PbxSimulator, tls: ssl.SSLContext | None = None, *, log_in: bool = True) -> AsyncIterator[App]:
    scheme = "wss" if tls else "ws"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{scheme}://{pbx.host}:{pbx.port}{PATH}", ssl=tls or True) as socket,
    ):
        app = App(socket)
        if log_in:
            assert (await app.log_in())["ok"] is True
        yield app


def simulator(*users: PbxUser, clock: ManualClock | None = None, **options: Any) -> PbxSimulator:
    return PbxSimulator(clock or ManualClock(), users=users or (ANNA, BEN), password=Secret(PASSWORD), **options)
