"""Server of the simulated PBX on loopback, with methods for tests and the demo to control it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from engine.core.clock import Clock
from engine.core.presence.model import Presence
from engine.core.secret import Secret
from engine.simulator.pbx.connection import AppConnection, AppLogsIn, AppObject, PbxLogsIn, Wire, connect, wire_of
from engine.simulator.pbx.state import (
    Behaviour,
    Entry,
    Ledger,
    PbxState,
    PbxUser,
    PresenceBoard,
    PresenceWrite,
    clear_form,
)
from engine.simulator.ports import LOOPBACK, port_of, reserve
from engine.simulator.serving import dated

PATH = "/PBX0/APPS/websocket"
CALENDAR = "calendar:"
MANUAL = "tel:"


class PbxSimulator:
    """Context manager that runs an innovaphone PBX with one App object.

    `tls` None means plain WebSocket; it may be changed between `stop` and `start`. `clock` dates the ledger and
    measures delays. `on_write` is called for every SetPresence that was accepted, `on_connect` for every app that
    connects, with the number of the connection in the ledger and its transport. `reconnect_seconds` are real ones.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        name: str = "master",
        domain: str = "example.com",
        app: str = "calendar",
        password: Secret,
        users: Iterable[PbxUser] = (),
        behaviour: Behaviour | None = None,
        tls: ssl.SSLContext | None = None,
        on_write: Callable[[PresenceWrite], None] | None = None,
    ) -> None:
        self.tls = tls
        self.on_connect: Callable[[int, asyncio.Transport], None] | None = None
        self.reconnect_seconds = 0.05
        self.behaviour = behaviour or Behaviour()
        board = PresenceBoard()
        self._pbx = PbxState(
            clock=clock,
            name=name,
            domain=domain,
            app=app,
            password=password,
            behaviour=self.behaviour,
            board=board,
            on_write=on_write,
        )
        for user in users:
            self._pbx.put_user(user)
        self._reserved: socket.socket | None = None
        self._runner: web.AppRunner | None = None

    @property
    def host(self) -> str:
        """The address it listens on."""
        return LOOPBACK

    @property
    def port(self) -> int:
        """The port it listens on, the same after every `start`."""
        return port_of(self._reserved) if self._reserved is not None else 0

    @property
    def is_listening(self) -> bool:
        """Whether apps can connect."""
        return self._runner is not None

    @property
    def domain(self) -> str:
        """Its system name."""
        return self._pbx.domain

    @domain.setter
    def domain(self, name: str) -> None:
        self._pbx.domain = name

    @property
    def on_write(self) -> Callable[[PresenceWrite], None] | None:
        """Callbacks for every accepted SetPresence."""
        return self._pbx.on_write

    @on_write.setter
    def on_write(self, listener: Callable[[PresenceWrite], None] | None) -> None:
        self._pbx.on_write = listener

    @property
    def ledger(self) -> Ledger:
        """The ledger of requests."""
        return self._pbx.ledger

    @property
    def users(self) -> tuple[PbxUser, ...]:
        """Its user objects."""
        return tuple(self._pbx.users.values())

    @property
    def connections(self) -> int:
        """Number of connected apps, logged in or not."""
        return len(self._pbx.clients)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        application.router.add_get(PATH, self._serve)
        application.on_response_prepare.append(dated(lambda: self.behaviour.clock_ahead))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        self._reserved = self._reserved or reserve(0)
        await web.SockSite(self._runner, self._reserved, ssl_context=self.tls).start()

    async def stop(self) -> None:
        """Drop every connection and refuse new ones until `start`; users and presence stay."""
        self.drop()
        if self._runner is not None:
            reserved = reserve(self.port)
            await self._runner.cleanup()
            self._runner = None
            self._reserved = reserved

    def drop(self) -> None:
        """Reset every connection."""
        for client in tuple(self._pbx.clients):
            client.drop()

    async def ping_and_vanish(self) -> None:
        """End every connection right after a ping."""
        for client in tuple(self._pbx.clients):
            await client.ping_and_vanish()

    def hang(self) -> None:
        """Read nothing more from any connection, and so answer nothing, like a machine that hangs."""
        for client in tuple(self._pbx.clients):
            client.hang()

    def recover(self) -> None:
        """Read again what has come meanwhile."""
        for client in tuple(self._pbx.clients):
            client.recover()

    def tell_about_itself(self) -> None:
        """Send PbxInfo to every client now, whatever `behaviour.pbx_info` says."""
        for client in tuple(self._pbx.clients):
            client.tell_about_itself()

    def add_user(self, user: PbxUser) -> None:
        """Add a user object. Replicating clients are notified, as with every change."""
        if user.guid in self._pbx.users:
            raise ValueError(f"{user.guid} exists")
        self._pbx.put_user(user)

    def update_user(self, user: PbxUser) -> None:
        """Replace the user object with the same guid."""
        if user.guid not in self._pbx.users:
            raise KeyError(user.guid)
        self._pbx.put_user(user)

    def delete_user(self, guid: str) -> None:
        """Delete a user object with its presence."""
        self._pbx.delete_user(guid)

    def set_manual(self, guid: str, activity: str, note: str = "") -> None:
        """Set a presence as the user does by hand."""
        self._set(guid, MANUAL, activity, note)

    def set_by_another_program(self, guid: str, activity: str, note: str = "") -> None:
        """Set the calendar's presence as another program does."""
        self._set(guid, CALENDAR, activity, note)

    def _set(self, guid: str, contact: str, activity: str, note: str) -> None:
        form = clear_form(activity, note)
        if form is None:
            self._pbx.put_presence(guid, Entry(contact, activity, note))
        else:
            self._pbx.clear_presence(guid, contact, form)

    def put_entry(self, guid: str, contact: str, activity: str = "", note: str = "") -> None:
        """Make an entry the newest, even an empty one."""
        self._pbx.put_presence(guid, Entry(contact, activity, note))

    def forget_presences(self) -> None:
        """Behave like another PBX with the same users, where no presence is set yet."""
        for guid in self._pbx.users:
            self._pbx.board.forget(guid)

    def presence_entries(self, guid: str) -> tuple[Entry, ...]:
        """Return the entries of all sources about a user, the newest first."""
        return self._pbx.board.entries(guid)

    def calendar_presence(self, guid: str) -> Presence:
        """Return a user's calendar presence."""
        return self._pbx.board.of(guid, CALENDAR)

    @asynccontextmanager
    async def connecting(self, app_object: AppObject, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        """Context manager that keeps the PBX connected to the app of an App object; it reconnects after
        `reconnect_seconds`.

        `tls` verifies the app's certificate.
        """
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._keep_connected(app_object, tls))
            try:
                yield
            finally:
                task.cancel()

    async def _keep_connected(self, app_object: AppObject, tls: ssl.SSLContext | None) -> None:
        async with aiohttp.ClientSession() as http:
            while True:
                self.ledger.dials += 1
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    answers_pings = self.behaviour.answers_pings
                    socket = await connect(http, app_object, tls, answers_pings=answers_pings)
                    await self._attend_app(app_object, socket)
                await asyncio.sleep(self.reconnect_seconds)

    async def _attend_app(self, app_object: AppObject, socket: aiohttp.ClientWebSocketResponse) -> None:
        async with socket:
            login = PbxLogsIn(self._pbx, app_object)
            await self._attend(AppConnection(self._pbx, login, socket, wire_of(socket), app_object.apis))

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=self.behaviour.answers_pings)
        await socket.prepare(request)
        transport = request.transport
        assert transport is not None  # noqa: S101
        wire = Wire(transport.abort, transport.close, transport.pause_reading, transport.resume_reading)
        client = AppConnection(self._pbx, AppLogsIn(self._pbx), socket, wire)
        if self.on_connect is not None:
            self.on_connect(client.number, transport)
        await self._attend(client)
        return socket

    async def _attend(self, client: AppConnection) -> None:
        self._pbx.clients.add(client)
        try:
            await client.serve()
        finally:
            self._pbx.clients.discard(client)
