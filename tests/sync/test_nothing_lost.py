"""Nothing is missed for long, whatever happens to calendars, subscriptions, connections and engine."""

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from engine.daemon.build import assemble
from engine.settings.reader import read_settings
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company, RoutedResolver
from engine.simulator.exchange.topology import Behaviour, Home
from engine.simulator.world import CalendarItem, Person, World
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.reconciler import Engine
from tests.support.idle_time import IdleLoop, pauses_pass_quickly
from tests.support.site import collect_cancelled_handshakes, ews_schema

T = TypeVar("T")

# The HTTP library leaves a socket to the garbage collector when a TLS handshake is broken off, as happens here a lot.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SPEED = 100
PEOPLE = [Person(name=f"p{n}", display_name=f"P {n}", mailbox=f"p{n}@corp.example") for n in range(6)]
ADDRESSES = [person.mailbox or "" for person in PEOPLE]
HOMES = (
    Home("Default-First-Site-Name", "mail.corp.example", "exchange01.corp.example"),
    Home("Branch-Site", "mail.branch.corp.example", "exchange02.corp.example"),
)
BEHAVIOURS = (
    Behaviour(heartbeat_seconds=0.2),
    Behaviour(heartbeat_seconds=0.2, folder_events_only=True, affinity_cookie_required=False),
    Behaviour(heartbeat_seconds=0.2, mailboxes_per_stream=2, declares_every_envelope=False),
)
PROMISE = timedelta(minutes=10)
"""A dead connection is noticed after 2 minutes, tried again after up to 5, and a calendar read within 2 after that."""

EXAMPLES = int(os.environ.get("NOTHING_LOST_EXAMPLES", "8"))


class Site:
    """A company whose clocks all run fast, and an engine that is stopped and started."""

    def __init__(self, behaviour: Behaviour, directory: Path) -> None:
        self.clock = pauses_pass_quickly(SPEED, datetime(2026, 3, 2, 9, tzinfo=UTC))
        self.world = World(self.clock.now().date(), ZoneInfo("UTC"), PEOPLE)
        self.company = Company(
            self.world, directory, self.clock, schema=ews_schema(), behaviour=behaviour, now=self.clock.now
        )
        self.engine: Engine | None = None
        self._directory = directory
        self._running: asyncio.Task[None] | None = None
        self._database = Database(directory / "state")

    async def open(self) -> None:
        await self.company.__aenter__()
        await self._database.open()
        await self.start()

    async def close(self) -> None:
        await self.stop()
        await self._database.close()
        await self.company.__aexit__(None, None, None)

    async def start(self) -> None:
        self.engine = assemble(
            read_settings(
                self.company.settings(exchange={"max_subscriptions_per_connection": 4}), default_zone=ZoneInfo("UTC")
            ),
            Secrets(exchange_password=EXCHANGE_PASSWORD, pbx_password=PBX_PASSWORD),
            AcknowledgedPresences(self._database),
            clock=self.clock,
            network_clock=self.clock,
            observe=lambda event: None,
            resolver=RoutedResolver(self.company.exchange.routes),
        )
        self._running = asyncio.get_running_loop().create_task(self.engine.run())

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        self._running = self.engine = None

    def differing(self) -> list[str]:
        """Whose appointments the engine does not know as the server has them."""
        if self.engine is None:
            return []
        now = self.clock.now()
        calendars = filter(None, map(self.engine.calendar, self.engine.guids()))
        known = {each.user.name: each.appointments for each in calendars}
        differing = []
        for person in PEOPLE:
            read = known.get(person.name)
            truth = self.world.as_appointments(person.mailbox or "", now, now + timedelta(hours=12))
            view = {(each.start, each.end, each.show_as) for each in read or () if each.end > now}
            if read is None or view != {(each.start, each.end, each.show_as) for each in truth}:
                differing.append(person.name)
        return differing

    async def agrees(self) -> None:
        until = self.clock.now() + PROMISE
        while differing := self.differing():
            assert self.clock.now() < until, differing
            assert self._running is not None
            assert not self._running.done()
            await asyncio.sleep(0.01)


class NothingLost(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=IdleLoop)
        self._directory = tempfile.TemporaryDirectory()
        self._keys = 0

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(what)

    @initialize(behaviour=st.sampled_from(BEHAVIOURS))
    def begin(self, behaviour: Behaviour) -> None:
        async def begin() -> None:
            self.site = Site(behaviour, Path(self._directory.name))
            await self.site.open()

        self._do(begin())

    @rule(address=st.sampled_from(ADDRESSES), hours=st.integers(1, 10))
    def add(self, address: str, hours: int) -> None:
        async def add() -> None:
            self._keys += 1
            start = self.site.clock.now().replace(microsecond=0) + timedelta(hours=hours)
            item = self.site.world.appointment(f"a{self._keys}", "00:00-01:00")
            self.site.world.put(address, replace(item, start=start, end=start + timedelta(minutes=30)))

        self._do(add())

    @rule(address=st.sampled_from(ADDRESSES), minutes=st.integers(5, 60))
    def alter(self, address: str, minutes: int) -> None:
        async def alter() -> None:
            for entry in self.site.world.entries(address)[:1]:
                assert isinstance(entry, CalendarItem)
                self.site.world.put(address, replace(entry, end=entry.end + timedelta(minutes=minutes)))

        self._do(alter())

    @rule(address=st.sampled_from(ADDRESSES))
    def clear(self, address: str) -> None:
        self._do(_at_once(lambda: self.site.world.clear(address)))

    @rule(addresses=st.lists(st.sampled_from(ADDRESSES), max_size=2))
    def lose_subscriptions(self, addresses: list[str]) -> None:
        self._do(_at_once(lambda: self.site.company.exchange.subscriptions.lose(*addresses)))

    @rule()
    def lose_cookies(self) -> None:
        self._do(_at_once(self.site.company.exchange.homes.lose_cookies))

    @rule(how=st.sampled_from(["close", "cut", "silence", "garbage", "swallow"]))
    def end_streams(self, how: str) -> None:
        async def end() -> None:
            for stream in list(self.site.company.exchange.subscriptions.streams):
                match how:
                    case "close":
                        stream.close()
                    case "cut":
                        stream.cut()
                    case "silence":
                        stream.silence()
                    case "garbage":
                        stream.say(b"</x:Envelope>")
                    case _:
                        stream.silence()
                        stream.cut()
            if how == "swallow":
                self.site.world.clear(ADDRESSES[0])
                for subscription in self.site.company.exchange.subscriptions.of(ADDRESSES[0]):
                    subscription.waiting.clear()

        self._do(end())

    @rule(seconds=st.floats(0, 0.5))
    def disconnect(self, seconds: float) -> None:
        async def disconnect() -> None:
            await self.site.company.exchange.refuse_connections()
            await asyncio.sleep(seconds)
            await self.site.company.exchange.listen()

        self._do(disconnect())

    @rule(address=st.sampled_from(ADDRESSES), home=st.sampled_from(HOMES))
    def move(self, address: str, home: Home) -> None:
        self._do(_at_once(lambda: self.site.company.exchange.move(address, home)))

    @precondition(lambda self: self.site.engine is not None)
    @rule()
    def stop(self) -> None:
        self._do(self.site.stop())

    @precondition(lambda self: self.site.engine is None)
    @rule()
    def start(self) -> None:
        self._do(self.site.start())

    @rule(seconds=st.floats(0, 0.3))
    def wait(self, seconds: float) -> None:
        self._do(asyncio.sleep(seconds))

    @rule()
    def agree(self) -> None:
        self._do(self.site.agrees())

    def teardown(self) -> None:
        async def end() -> None:
            if self.site.engine is None:
                await self.site.start()
            try:
                await self.site.agrees()
            finally:
                await self.site.close()

        try:
            self._do(end())
        finally:
            self._runner.close()
            self._directory.cleanup()
            collect_cancelled_handshakes()


async def _at_once(work: Any) -> None:
    work()


TestNothingLost = NothingLost.TestCase
TestNothingLost.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=12,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
