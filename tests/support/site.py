"""A small site: both simulators over real sockets, the real engine, and calendar time moved by hand."""

import asyncio
import functools
import gc
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from lxml import etree

from engine.core.clock import Clock
from engine.core.presence import decide
from engine.core.presence.model import Presence
from engine.daemon.build import assemble
from engine.settings.model import SiteSettings
from engine.settings.reader import read_settings
from engine.simulator.company import CloudCompany, Company, PbxSite, RoutedResolver
from engine.simulator.world import Person, World
from engine.store.database import Database
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import chosen_secrets
from engine.sync.events import Event
from engine.sync.reconciler import Engine
from engine.sync.share import Sharing
from tests.support.clock import ManualClock
from tests.support.eventually import eventually, patience
from tests.support.idle_time import pauses_pass_quickly
from tests.support.quiescence import passes

T = TypeVar("T")
C = TypeVar("C", bound=PbxSite)

LOOK = timedelta(days=10)
SCHEMA = Path(__file__).parent.parent / "fixtures" / "ews-schema" / "messages.xsd"


@functools.cache
def ews_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


@dataclass
class SiteOf(Generic[C]):
    company: C
    engine: Engine
    clock: ManualClock
    settings: SiteSettings
    events: list[Event] = field(default_factory=list)

    async def settled(self) -> None:
        async with patience():
            await self.engine.settled()

    async def happens(self, kind: type[T], where: Callable[[T], bool] = lambda _: True) -> T:
        """Wait for an event, including earlier ones."""
        return (await eventually(lambda: [each for each in self.events if isinstance(each, kind) and where(each)]))[0]

    async def pass_time(self, minutes: float) -> None:
        """Let time pass once what has just changed was heard of."""
        await passes(minutes * 60, self.clock)
        await self.settled()

    def shown(self, person: Person) -> Presence:
        return self.company.pbx.calendar_presence(person.guid)

    def expected(self, person: Person) -> Presence:
        """Return the presence by the simulated calendar itself; none if the calendar cannot be read."""
        if person.mailbox is None or not person.may_impersonate:
            return Presence()
        now = self.clock.now()
        world = self.company.world
        truth = world.as_appointments(person.mailbox, now - LOOK, now + LOOK)
        return decide(truth, self.settings.presence, now).presence

    def wrong(self) -> dict[str, tuple[Presence, Presence]]:
        """Return the users whose presence is wrong, with the shown and the expected one."""
        pairs = {p.name: (self.shown(p), self.expected(p)) for p in self.company.world.people}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


Site: TypeAlias = SiteOf[Company]
CloudSite: TypeAlias = SiteOf[CloudCompany]


@asynccontextmanager
async def running_engine(
    company: C,
    clock: ManualClock,
    directory: Path,
    tables: Mapping[str, Mapping[str, Any]],
    network_clock: Clock | None = None,
    sharing: Sharing | None = None,
) -> AsyncIterator[SiteOf[C]]:
    """Run an engine with an existing company; `tables` go into its settings file.

    Pauses of seconds between attempts pass quickly, unless a `network_clock` is given. With `sharing` it is one of
    several, whose presences are in their common store.
    """
    settings = read_settings(company.settings(**tables), default_zone=company.world.zone)
    events: list[Event] = []
    database = Database(directory / "state")
    await database.open()
    try:
        engine = assemble(
            settings,
            chosen_secrets(company.secrets, settings.exchange),
            AcknowledgedPresences(database) if sharing is None else sharing.store,
            clock=clock,
            network_clock=network_clock or pauses_pass_quickly(),
            observe=events.append,
            resolver=RoutedResolver(company.routes),
            sharing=sharing,
        )
        async with tasks_of(engine):
            yield SiteOf(company, engine, clock, settings, events)
    finally:
        await database.close()
        collect_cancelled_handshakes()


@asynccontextmanager
async def tasks_of(engine: Engine) -> AsyncIterator[None]:
    """Context manager that runs an engine."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.run())
        yield
        running.cancel()


def collect_cancelled_handshakes() -> None:
    """The HTTP library leaves a socket to the garbage collector when its TLS handshake is cancelled, as by stopping."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@asynccontextmanager
async def running_site(
    world: World, directory: Path, clock: ManualClock, **tables: Mapping[str, Any]
) -> AsyncIterator[Site]:
    """Run simulators and engine; every EWS request is validated against the schema by the simulator."""
    async with (
        Company(world, directory, clock, schema=ews_schema()) as company,
        running_engine(company, clock, directory, tables) as site,
    ):
        yield site


@asynccontextmanager
async def running_cloud_site(
    world: World, directory: Path, clock: ManualClock, **tables: Mapping[str, Any]
) -> AsyncIterator[CloudSite]:
    """Run simulators of a site in Exchange Online, and engine."""
    async with (
        CloudCompany(world, directory, clock) as company,
        running_engine(company, clock, directory, tables) as site,
    ):
        yield site
