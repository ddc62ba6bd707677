"""State machine in which calendars change and the engine is stopped and started: what it knows has to be the truth.

A server and what may happen to it are added by a subclass. All clocks run fast.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from msgspec.structs import replace

from engine.daemon.build import assemble
from engine.settings.reader import read_settings
from engine.simulator.company import PbxSite, RoutedResolver
from engine.simulator.world import CalendarItem, Person, World
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import chosen_secrets
from engine.sync.reconciler import Engine
from tests.support.idle_time import IdleClock, IdleLoop, pauses_pass_quickly
from tests.support.site import collect_cancelled_handshakes

C = TypeVar("C", bound=PbxSite)
T = TypeVar("T")

PEOPLE = [Person(name=f"p{n}", display_name=f"P {n}", mailbox=f"p{n}@corp.example") for n in range(6)]
ADDRESSES = [person.mailbox or "" for person in PEOPLE]

RUNS = settings(
    max_examples=int(os.environ.get("NOTHING_LOST_EXAMPLES", "8")),
    stateful_step_count=12,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


class RestartableSite(Generic[C]):
    """A company of `PEOPLE`, and an engine by these settings; what it must know is known within `promise`."""

    def __init__(
        self,
        company: C,
        clock: IdleClock,
        directory: Path,
        promise: timedelta,
        exchange: Mapping[str, Any],
    ) -> None:
        self.company = company
        self.clock = clock
        self.engine: Engine | None = None
        self._promise = promise
        self._exchange = exchange
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
        settings = read_settings(self.company.settings(exchange=self._exchange), default_zone=self.company.world.zone)
        self.engine = assemble(
            settings,
            chosen_secrets(self.company.secrets, settings.exchange),
            AcknowledgedPresences(self._database),
            clock=self.clock,
            network_clock=self.clock,
            observe=lambda event: None,
            resolver=RoutedResolver(self.company.routes),
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
            truth = self.company.world.as_appointments(person.mailbox or "", now, now + timedelta(hours=12))
            view = {(each.start, each.end, each.show_as) for each in read or () if each.end > now}
            if read is None or view != {(each.start, each.end, each.show_as) for each in truth}:
                differing.append(person.name)
        return differing

    async def agrees(self) -> None:
        until = self.clock.now() + self._promise
        while differing := self.differing():
            assert self.clock.now() < until, differing
            assert self._running is not None
            assert not self._running.done()
            await asyncio.sleep(0.01)


class CalendarMachine(RuleBasedStateMachine, Generic[C]):
    """Changes calendars, stops and starts the engine; a subclass begins with `_begin`."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=IdleLoop)
        self._directory = tempfile.TemporaryDirectory()
        self._keys = 0

    def _begin(
        self,
        make_company: Callable[[World, Path, IdleClock], C],
        *,
        speed: float,
        promise: timedelta,
        exchange: Mapping[str, Any],
    ) -> None:
        async def begin() -> None:
            clock = pauses_pass_quickly(speed, datetime(2026, 3, 2, 9, tzinfo=UTC))
            world, directory = World(clock.now().date(), ZoneInfo("UTC"), PEOPLE), Path(self._directory.name)
            company = make_company(world, directory, clock)
            self.site = RestartableSite(company, clock, directory, promise, exchange)
            await self.site.open()

        self._do(begin())

    @property
    def _world(self) -> World:
        return self.site.company.world

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(what)

    def _at_once(self, work: Callable[[], object]) -> None:
        """Do what takes no time, in the loop of the site."""

        async def worked() -> None:
            work()

        self._do(worked())

    @rule(address=st.sampled_from(ADDRESSES), hours=st.integers(1, 10))
    def add(self, address: str, hours: int) -> None:
        self._at_once(lambda: self._add(address, hours))

    def _add(self, address: str, hours: int) -> None:
        self._keys += 1
        start = self.site.clock.now().replace(microsecond=0) + timedelta(hours=hours)
        item = self._world.appointment(f"a{self._keys}", "00:00-01:00")
        self._world.put(address, replace(item, start=start, end=start + timedelta(minutes=30)))

    @rule(address=st.sampled_from(ADDRESSES), minutes=st.integers(5, 60))
    def alter(self, address: str, minutes: int) -> None:
        def alter() -> None:
            for entry in self._world.entries(address)[:1]:
                assert isinstance(entry, CalendarItem)
                self._world.put(address, replace(entry, end=entry.end + timedelta(minutes=minutes)))

        self._at_once(alter)

    @rule(address=st.sampled_from(ADDRESSES))
    def clear(self, address: str) -> None:
        self._at_once(lambda: self._world.clear(address))

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
        self._at_once(self._end_of_trouble)
        self._do(self.site.agrees())

    def _end_of_trouble(self) -> None:
        """Lift what would keep the engine from knowing the truth for ever."""

    def teardown(self) -> None:
        async def end() -> None:
            if self.site.engine is None:
                await self.site.start()
            self._end_of_trouble()
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
