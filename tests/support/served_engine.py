"""An engine with instant source and link, and its API on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from engine.api.paths import read_only_twin
from engine.core.appointments import Appointment
from engine.core.claims import UNLIMITED, Claim
from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.presence.model import CLEARED, Presence
from engine.core.users import User
from engine.daemon.build import make_check_factory
from engine.daemon.daemon import build_daemon, open_installation
from engine.daemon.debug_log import DebugLog
from engine.exchange.source import ChangeCallback, Mailbox, Window
from engine.pbx.entries import PresenceEntry
from engine.pbx.events import LinkUp, PbxEvent, UserRemoved, UsersComplete, UserSeen
from engine.server.event_stream import StreamTimeouts
from engine.server.http import Routes
from engine.server.state import ApiState
from engine.settings.model import ClearWith, SiteSettings
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import ENVIRONMENT
from engine.sync.clocks import SteadyClock
from engine.sync.reconciler import Engine
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience
from tests.support.exchanges import traced
from tests.support.serving import serving
from tests.support.unwatched import Unwatched

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORDS = {"exchange": "Ganz-Geheim.2026", "pbx": "pbx-secret"}
SETTINGS = """
[pbx]
master = "m"
host = "localhost"
writes_per_second = 1000
writes_in_flight = 100
[exchange]
type = "on-premises"
user = "svc@corp.example"
connections = 20
poll_seconds = 3600
[presence]
timezone = "UTC"
show_subject = true
"""


class InstantSource(Unwatched):
    """A source with one appointment for everybody, from nine to ten, and others by address; raises `failures`.

    Mailboxes are found at `url`; those of `watched` addresses are watched; `tell` is how their changes are told.
    """

    def __init__(self) -> None:
        self.calendars: dict[str, tuple[Appointment, ...]] = {}
        self.failures: dict[str, Failure] = {}
        self.watched: set[str] = set()
        self.tell: ChangeCallback = lambda address, urgency: None
        self.url = "https://mail.corp.example/EWS/Exchange.asmx"
        self.reads = 0
        self.being_read: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        for address in candidates:
            if address in self.failures:
                raise self.failures[address]
        return Mailbox(candidates[0], self.url)

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        self.being_read.append(mailbox.address)
        await self.gate.wait()
        self.being_read.remove(mailbox.address)
        self.reads += 1
        if mailbox.address in self.failures:
            raise self.failures[mailbox.address]
        usual = Appointment(id="m", start=NINE, end=NINE + timedelta(hours=1), subject="Jour fixe")
        return self.calendars.get(mailbox.address, (usual,))

    def is_watched(self, mailbox: Mailbox) -> bool:
        return mailbox.address in self.watched

    async def run(self, tell: ChangeCallback) -> None:
        self.tell = tell
        await super().run(tell)

    async def close(self) -> None:
        pass


class InstantLink:
    """A link on which every presence is confirmed."""

    def __init__(self, on_event: Callable[[PbxEvent], None], users: Sequence[User]) -> None:
        self._on_event = on_event
        self._users = users
        self.shown: dict[str, Presence] = {}
        self.has_told_users = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self) -> None:
        self._on_event(LinkUp("m", "corp.example"))
        for user in self._users:
            self._on_event(UserSeen(user))
        self._on_event(UsersComplete(frozenset(user.guid for user in self._users)))
        self.has_told_users = True
        await asyncio.Event().wait()

    def tell(self, user: User) -> None:
        self._on_event(UserSeen(user))

    def remove(self, guid: str) -> None:
        self._on_event(UserRemoved(guid))

    async def set_presence(
        self,
        guid: str,
        presence: Presence,
        *,
        contact: str = "",
        clear: ClearWith | None = None,
        claim: Claim = UNLIMITED,
    ) -> None:
        self.shown[guid] = presence

    async def read_entries(self, user_name: str) -> tuple[PresenceEntry, ...]:
        return (PresenceEntry("calendar:", await self.read_presence(user_name)),)

    async def read_presence(self, user_name: str) -> Presence:
        await self.gate.wait()
        guids = [user.guid for user in self._users if user.name == user_name]
        return self.shown.get(guids[0], CLEARED) if guids else CLEARED


def people(number: int) -> list[User]:
    return [User(guid=f"{n:032x}", name=f"user{n}", display_name=f"User Number {n}") for n in range(number)]


@dataclass
class ServedEngine:
    engine: Engine
    api_state: ApiState
    source: InstantSource
    link: InstantLink
    clock: ManualClock
    socket: Path
    parts: Sequence[Routes]
    log: DebugLog
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    @property
    def read_only(self) -> Path:
        return read_only_twin(self.socket)

    def session(self, socket: Path | None = None) -> aiohttp.ClientSession:
        connector = aiohttp.UnixConnector(path=str(socket or self.socket), limit=0)
        self.sessions.append(aiohttp.ClientSession("http://localhost", connector=connector))
        return self.sessions[-1]

    async def get(self, path: str, socket: Path | None = None) -> Any:
        async with self.session(socket).get(path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def settled(self) -> None:
        async with patience():
            await self.engine.settled()


class Workshop:
    """Makes engines with `source`, and links with `users`; for `asks` see `served_engine`.

    `pauses` is the clock by which their parts pause.
    """

    def __init__(
        self,
        source: InstantSource,
        users: Sequence[User],
        clock: ManualClock,
        *,
        asks: bool = True,
        pauses: Clock | None = None,
    ) -> None:
        self._pauses = pauses or SteadyClock()
        self._source = source
        self._users = users
        self._clock = clock
        self._asks = asks
        self.engines: list[Engine] = []
        self.links: list[InstantLink] = []

    def assemble(self, settings: SiteSettings, store: AcknowledgedPresences) -> Engine:
        self.engines.append(
            Engine(
                settings,
                source=self._source,
                make_link=self._link,
                store=store,
                clock=self._clock,
                network_clock=self._pauses,
                random=Random(1),
                observe=lambda _: None,
            )
        )
        return self.engines[-1]

    def _link(self, on_event: Callable[[PbxEvent], None]) -> InstantLink:
        self.links.append(InstantLink(on_event, self._users))
        if not self._asks:
            self.links[-1].gate.clear()
        return self.links[-1]


@asynccontextmanager
async def served_engine(
    directory: Path,
    users: Sequence[User],
    *,
    settings: str = SETTINGS,
    patience: StreamTimeouts | None = None,
    source: InstantSource | None = None,
    asks: bool = True,
) -> AsyncIterator[ServedEngine]:
    """Without `asks`, the PBX does not tell which presence it shows before `link.gate` is set."""
    clock = ManualClock(NINE + timedelta(minutes=5))
    source = source or InstantSource()
    workshop = Workshop(source, users, clock, asks=asks)
    given = {ENVIRONMENT[f"{side}.password"]: password for side, password in PASSWORDS.items()}
    file, socket = directory / "settings.toml", directory / "engine.sock"
    file.parent.mkdir(exist_ok=True)
    file.write_text(settings)
    async with open_installation(file, None, given, clock, directory / "state") as installation:
        store = AcknowledgedPresences(installation.database)
        site = await build_daemon(
            installation,
            lambda settings, _: workshop.assemble(settings, store),
            make_check_factory(clock, SteadyClock()),
            clock=clock,
            network_clock=SteadyClock(),
        )
        engine, link = workshop.engines[0], workshop.links[0]
        served = ServedEngine(engine, site.api_state, source, link, clock, socket, site.parts, installation.debug_log)
        async with serving(site, socket, patience):
            await eventually(lambda: link.has_told_users)
            try:
                yield served
            finally:
                for session in served.sessions:
                    await session.close()


async def an_exchange(served: ServedEngine, **changes: Any) -> None:
    """Capture a request, and wait until it is written."""
    captured = served.log.capture.status().captured
    served.log.capture.take(traced(**changes))
    await eventually(lambda: served.log.capture.status().captured > captured)


class EventReader:
    """Reads server-sent events from a response, as a client would."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._content = response.content
        self.last_id = ""

    async def next(self) -> tuple[str, Any]:
        """Return name and data of the next event; raises EOFError at the end."""
        name, data = "", ""
        async with patience():
            while True:
                line = await self._line()
                if not line:
                    if data:
                        return name, json.loads(data)
                elif line.startswith("id: "):
                    self.last_id = line[4:]
                elif line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    data = line[6:]

    async def comment(self) -> str:
        """Return the next line that is a comment; what comes before it is passed over."""
        async with patience():
            while not (line := await self._line()).startswith(":"):
                pass
        return line

    async def _line(self) -> str:
        line = bytearray()
        while not line.endswith(b"\n"):
            part = await self._content.read(1)
            if not part:
                raise EOFError
            line += part
        return line.decode().rstrip("\n")
