"""The site of the fault campaign, and its invariants."""

import asyncio
import random
import resource
import socket
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp.abc import AbstractResolver, ResolveResult

from engine.core.presence import decide
from engine.core.presence.model import CLEARED, Presence
from engine.daemon.build import assemble
from engine.settings.model import SiteSettings
from engine.settings.reader import read_settings
from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company, RoutedResolver
from engine.simulator.exchange.topology import Behaviour as ExchangeBehaviour
from engine.simulator.pbx.state import CLEARING, EndOfCopy, PbxInfoSent, PresenceWrite
from engine.simulator.pbx.state import Behaviour as PbxBehaviour
from engine.simulator.world import Person, World
from engine.store.database import Database
from engine.store.errors import StoreFailure
from engine.store.presence import AcknowledgedPresences
from engine.store.secrets import Secrets
from engine.sync.reconciler import Engine
from tests.support.idle_time import IdleClock, IdleLoop, WallClock
from tests.support.site import ews_schema

PEOPLE = 6
BERLIN = ZoneInfo("Europe/Berlin")
SPEED, SETTLING_SPEED = 300.0, 1500.0
"""Seconds that pass in one of idleness, while faults are about and after them."""

HEARTBEAT = 0.02
"""Real seconds between two signs of life of a stream: half a minute at the higher speed."""

PROMISE = timedelta(hours=3)
"""After the last fault, all is right within that time: refused log-ins and missing rights are tried again hourly."""


class Violation(AssertionError):
    """An invariant was violated."""


class FlakyNames(AbstractResolver):
    """A resolver that can fail, or take long."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner
        self.fails = False
        self.seconds = 0.0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the places of a name. Raises `socket.gaierror` while names cannot be looked up."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.fails:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return await self._inner.resolve(host, port, family)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


@dataclass
class Figures:
    """The figures of a site, or of a whole campaign; `violation` describes a violated invariant."""

    steps: int = 0
    settles: int = 0
    sites: int = 0
    starts: int = 0
    writes: int = 0
    requests: int = 0
    longest_settle: timedelta = timedelta()
    simulated: timedelta = timedelta()
    violation: str = ""
    violations: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Figures") -> None:
        """Add the figures of another site."""
        for name in ("steps", "settles", "starts", "writes", "requests", "simulated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.sites += 1
        self.violations += bool(other.violation)
        self.longest_settle = max(self.longest_settle, other.longest_settle)
        self.kinds += other.kinds

    def __str__(self) -> str:
        return (
            f"{self.steps} steps, {self.settles} settles on {self.sites} sites, {self.starts} engine starts, "
            f"{self.requests} requests to Exchange, {self.writes} presences written, "
            f"{self.simulated.total_seconds() / 3600:.0f} simulated hours; "
            f"longest settle {self.longest_settle.total_seconds() / 60:.1f} simulated minutes"
        )


class Stage:
    """One company with a sequence of engines, and its invariants."""

    def __init__(
        self, loop: IdleLoop, directory: Path, dice: random.Random, poll: timedelta = timedelta(minutes=2)
    ) -> None:
        self._poll = poll
        self.dice, self.figures, self._directory = dice, Figures(), directory
        people = [
            Person(
                name=f"p{n}",
                display_name=f"P {n}",
                mailbox=f"p{n}@corp.example",
                pbx_addresses=(f"p{n}@corp.example",) if n % 2 else (),
                proxy_addresses=(f"alias{n}@corp.example",),
            )
            for n in range(PEOPLE)
        ]
        self._resolve_with = dice.choice(("service-account", "candidates"))
        self.steady = IdleClock(loop, datetime(2026, 3, 26, 8, dice.randrange(60), tzinfo=UTC), SPEED)
        self.wall = WallClock(self.steady)
        self.world = World(self.wall.now().date(), BERLIN, people)
        self.company = Company(
            self.world,
            directory,
            self.steady,
            schema=ews_schema(),
            now=self.wall.now,
            behaviour=ExchangeBehaviour(
                heartbeat_seconds=HEARTBEAT,
                folder_events_only=dice.random() < 0.3,
                affinity_cookie_required=dice.random() < 0.7,
                mailboxes_per_stream=dice.choice((2, 200)),
                declares_every_envelope=dice.random() < 0.7,
                impersonation_refused_in=dice.choice(("fault", "response")),
                caller_has_mailbox=self._resolve_with == "service-account",
            ),
            pbx_behaviour=PbxBehaviour(
                clears=dice.choice(CLEARING),
                pbx_info=dice.choice((PbxInfoSent.NEVER, PbxInfoSent.BEFORE_LOGIN, PbxInfoSent.AFTER_LOGIN)),
                duplicate_adds=dice.random() < 0.3,
                ends_copy_with=dice.choice(list(EndOfCopy)),
                notifies_under_src=dice.random() < 0.5,
            ),
        )
        self.names = FlakyNames(RoutedResolver(self.company.exchange.routes))
        self._database: Database | None = None
        self._engine: Engine | None = None
        self._running: asyncio.Task[None] | None = None
        self._shown: dict[str, Presence] = {}
        self._unheard: set[str] = set()
        self._lost: set[str] = set()
        self._complaints: list[str] = []
        self._keys = 0
        self._exchange_is_away = False

    async def open(self) -> None:
        """Start both servers and an engine."""
        await self.company.__aenter__()
        self.company.pbx.on_write = self._written
        self.settings = self._settings()
        await self.start_engine()

    async def close(self) -> None:
        """Stop everything."""
        disk_has_room()
        await self.stop_engine()
        self.figures.requests += sum(self.company.exchange.ledger.statuses.values())
        await self.company.__aexit__(None, None, None)

    def _settings(self) -> SiteSettings:
        return read_settings(
            self.company.settings(
                exchange={
                    "max_subscriptions_per_connection": 4,
                    "poll_seconds": int(self._poll.total_seconds()),
                    "mode": "details",
                    "resolve_with": self._resolve_with,
                },
                pbx={
                    "users": {"exclude": {"groups": ["no calendar"]}},
                    "writes_per_second": 1000,
                    "domain": "corp.example",
                    "clear": self.dice.choice(("empty", "omit", "online")),
                },
                presence={
                    "show_subject": self.dice.random() < 0.5,
                    "language": self.dice.choice(("en", "de")),
                },
            ),
            default_zone=BERLIN,
        )

    async def start_engine(self) -> None:
        """Start an engine on the state left by the previous one; on a full disk it may refuse to start."""
        database = Database(self._directory / "state")
        try:
            await database.open()
        except StoreFailure:
            await database.close()
            return
        self.figures.starts += 1
        self._database = database
        self._engine = assemble(
            self.settings,
            Secrets(exchange_password=EXCHANGE_PASSWORD, pbx_password=PBX_PASSWORD),
            AcknowledgedPresences(self._database),
            clock=self.wall,
            network_clock=self.steady,
            observe=lambda event: None,
            resolver=self.names,
        )
        self._running = asyncio.get_running_loop().create_task(self._engine.run())

    async def stop_engine(self) -> None:
        """Stop the engine at any point; it then saves what it could not save before.

        A presence that neither the disk nor the PBX could be told of is beyond anybody.
        """
        if self._engine is not None and self._running is not None and self._database is not None:
            disk_has_room()
            await self._engine.leave()
            self._running.cancel()
            await asyncio.wait({self._running})
            if not self._running.cancelled() and (error := self._running.exception()) is not None:
                self._complaints.append(f"the engine ended by {error!r}")
            await self._database.close()
        self._running = self._database = self._engine = None

    def person(self) -> Person:
        """Return a random person."""
        return self.dice.choice(self.world.people)

    def key(self) -> str:
        """Return a new key for an item."""
        self._keys += 1
        return f"a{self._keys}"

    def wrong(self) -> dict[str, tuple[Presence, Presence]]:
        """Return the users whose presence is wrong, with the shown and the expected one."""
        now = self.wall.now()
        pairs: dict[str, tuple[Presence, Presence]] = {}
        for user in self.company.pbx.users:
            pairs[user.h323] = (self.company.pbx.calendar_presence(user.guid), self._expected(user.guid, now))
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def check(self) -> None:
        """Raise a `Violation` if the engine has ended, or has sent something forbidden to the PBX."""
        if self._complaints:
            raise Violation("; ".join(self._complaints))
        if self._running is not None and self._running.done():
            self._running.result()
            raise Violation("the engine has ended")

    async def settle(self) -> None:
        """Clear every fault, and wait until everything is right. Raises `Violation` if it takes too long."""
        disk_has_room()
        self.company.exchange.faults.clear()
        self.names.fails, self.names.seconds = False, 0.0
        self.company.pbx.behaviour.answers_presence = True
        self.company.pbx.behaviour.answers_replication = True
        self.company.pbx.behaviour.refused_presence.clear()
        self.company.pbx.behaviour.result_delay = 0.0
        await self.exchange_comes()
        await self.pbx_comes()
        if self._running is None:
            await self.start_engine()
        self.steady.speed = SETTLING_SPEED
        begun = self.steady.now()
        while self.wrong() or self._not_read():
            self.check()
            if self.steady.now() - begun > PROMISE:
                raise Violation(f"still wrong after {self.steady.now() - begun}: {self.wrong() or self._not_read()}")
            await self.steady.sleep_until(self.steady.now() + timedelta(seconds=5))
        self.steady.speed = SPEED
        self._unheard.clear()
        self.figures.settles += 1
        self.figures.longest_settle = max(self.figures.longest_settle, self.steady.now() - begun)

    def _not_read(self) -> list[str]:
        """Return the users whose calendars were not read, and why; a presence that is right by chance does not
        count."""
        status = self._engine.status() if self._engine is not None else None
        if status is None:
            return ["no engine"]
        taking_part = sum(not user.groups for user in self.company.pbx.users)
        if status.users != taking_part:
            return [f"{status.users} of {taking_part} users"]
        unresolved = [f"{problem.user.name}: {problem.failure}" for problem in status.unresolved]
        return [*unresolved, *([f"{status.waiting} not read"] if status.waiting else [])]

    @property
    def engine(self) -> Engine | None:
        """The running engine, None if there is none."""
        return self._engine

    @property
    def exchange_is_away(self) -> bool:
        """Whether Exchange refuses connections."""
        return self._exchange_is_away

    async def exchange_goes(self) -> None:
        """Make Exchange refuse connections."""
        if not self._exchange_is_away:
            await self.company.exchange.refuse_connections()
            self._exchange_is_away = True

    async def exchange_comes(self) -> None:
        """Let Exchange listen again."""
        if self._exchange_is_away:
            await self.company.exchange.listen()
            self._exchange_is_away = False

    async def pbx_goes(self) -> None:
        """Make the PBX refuse connections."""
        await self.company.pbx.stop()

    async def pbx_comes(self) -> None:
        """Let the PBX listen again."""
        if not self.company.pbx.is_listening:
            await self.company.pbx.start()

    def is_unheard(self, guid: str) -> None:
        """The engine may not have heard yet that this user is outside the selection."""
        self._unheard.add(guid)

    def forget_shown(self, guid: str) -> None:
        """What the PBX showed for a user is gone, and it says so."""
        self._shown.pop(guid, None)

    def lose_shown(self) -> None:
        """The PBX shows nothing any more: the engine learns it by reading that back, and may write before."""
        self._lost |= {guid for guid, presence in self._shown.items() if presence != CLEARED}
        self._shown.clear()

    def _expected(self, guid: str, now: datetime) -> Presence:
        person = next(each for each in self.world.people if each.guid == guid)
        user = next(each for each in self.company.pbx.users if each.guid == guid)
        if user.groups:
            return CLEARED
        truth = self.world.as_appointments(person.mailbox or "", now - timedelta(days=10), now + timedelta(days=10))
        return decide(truth, self.settings.presence, now).presence

    def _written(self, write: PresenceWrite) -> None:
        self.figures.writes += 1
        presence = self.company.pbx.calendar_presence(write.guid)
        if presence == self._shown.get(write.guid, CLEARED) and write.guid not in self._lost:
            self._complaints.append(f"{write} was shown already")
        self._lost.discard(write.guid)
        user = next((each for each in self.company.pbx.users if each.guid == write.guid), None)
        if presence != CLEARED and user is not None and user.groups and write.guid not in self._unheard:
            self._complaints.append(f"{write} is outside the selection")
        self._shown[write.guid] = presence


def disk_is_full() -> None:
    """Make every write that would extend a file fail, as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))


def disk_has_room() -> None:
    """Allow files to grow again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
