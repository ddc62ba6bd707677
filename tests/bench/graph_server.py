"""A simulated Exchange Online and a PBX in a process of their own, so that their CPU time is not counted.

It changes calendars while it measures, and knows what of that came to the PBX, and what was asked of Graph.
"""

import asyncio
import gzip
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import msgspec

from engine.simulator.company import CloudCompany
from engine.simulator.faults import Delay
from engine.simulator.graph.errors import throttled
from engine.simulator.graph.request import Answer, GraphRequest
from engine.simulator.pbx.state import PresenceWrite
from engine.simulator.world import Person, generate
from engine.sync.clocks import SystemClock
from tests.bench.talking import commands, say

POLL_SECONDS = 60
SECONDS_OF_A_PART = 0.15
"""What Graph takes for one part of a batch, as others have measured it; it works on four at a time."""

SLOW, THROTTLED = 0, 1
"""The mailboxes that are slow and throttled, by number; of the others, every twentieth fails."""

SECONDS_OF_THE_SLOW_ONE, PAUSE_OF_THE_THROTTLED_ONE = 20, 30
CHANGES_PER_SECOND = 5
CONNECTIONS = 20


class Report(msgspec.Struct, frozen=True):
    """What happened since the server was asked to measure; delays and ages in seconds, those of troubled mailboxes not
    included."""

    seconds: float
    requests: int
    batches: int
    parts: int
    throttled: int
    failed: int
    sent: int
    received: int
    oldest: float
    delays: list[float]


@dataclass
class Measurement:
    """Counts requests and bytes of bodies, and the seconds between two answers about the same mailbox."""

    troubled: frozenset[str] = frozenset()
    begun: float = field(default_factory=time.monotonic)
    requests: int = 0
    batches: int = 0
    parts: int = 0
    throttled: int = 0
    failed: int = 0
    sent: int = 0
    received: int = 0
    oldest: float = 0.0
    read: dict[str, float] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)

    def observe(self, request: GraphRequest, answer: Answer) -> None:
        """Note a request to Graph, and its answer."""
        if not request.part:
            self.requests += 1
            self.received += len(request.body)
            self.sent += len(gzip.compress(answer.body, compresslevel=1))
        if request.path == "/$batch":
            self.batches += 1
            return
        self.parts += 1
        self.throttled += answer.status == 429
        self.failed += answer.status >= 500
        if answer.status == 200:
            self._read(request.segments[1].casefold())

    def _read(self, mailbox: str) -> None:
        now = time.monotonic()
        if mailbox not in self.troubled:
            self.oldest = max(self.oldest, now - self.read.get(mailbox, now))
        self.read[mailbox] = now

    def written(self, write: PresenceWrite) -> None:
        """Note what came to the PBX."""
        if (changed := self.changed.pop(write.guid, None)) is not None:
            self.delays.append(time.monotonic() - changed)

    def report(self) -> Report:
        """Return what was measured; what has not come to the PBX yet counts as it is."""
        now = time.monotonic()
        waiting = [now - read for mailbox, read in self.read.items() if mailbox not in self.troubled]
        late = [now - changed for changed in self.changed.values() if now - changed > POLL_SECONDS]
        return Report(
            seconds=now - self.begun,
            requests=self.requests,
            batches=self.batches,
            parts=self.parts,
            throttled=self.throttled,
            failed=self.failed,
            sent=self.sent,
            received=self.received,
            oldest=max([self.oldest, *waiting]),
            delays=sorted([*self.delays, *late]),
        )


class GraphSite:
    """The site, and what is measured there."""

    def __init__(self, mailboxes: int, appointments: int, directory: Path) -> None:
        # Nobody has anything on the present day, so every change shows.
        self.world = generate(mailboxes, appointments, (datetime.now(UTC) + timedelta(days=1)).date(), ZoneInfo("UTC"))
        self.measurement = Measurement()
        self.company = CloudCompany(
            self.world, directory, SystemClock(), observe=lambda *heard: self.measurement.observe(*heard)
        )
        self.company.pbx.on_write = lambda write: self.measurement.written(write)
        self.company.graph.faults.add(Delay(SECONDS_OF_A_PART), operation="calendarView")
        self._random = Random(7)
        self._fresh = [each for number, each in enumerate(self.world.people) if number > THROTTLED and number % 20]
        self._random.shuffle(self._fresh)

    def settings(self) -> str:
        """Return the settings of an engine for this site."""
        return self.company.settings(
            pbx={"writes_per_second": 1000},
            exchange={"poll_seconds": POLL_SECONDS, "quiet_hours": [], "connections": CONNECTIONS},
            presence={"show_subject": True},
        )

    def make_trouble(self) -> None:
        """From now on one mailbox is slow, one is throttled, and one in twenty fails."""
        faults, people = self.company.graph.faults, self.world.people
        faults.add(Delay(SECONDS_OF_THE_SLOW_ONE), mailbox=people[SLOW].mailbox or "")
        faults.add(throttled(PAUSE_OF_THE_THROTTLED_ONE), mailbox=people[THROTTLED].mailbox or "")
        failing = people[20::20]
        for person in failing:
            broken = self.world.appointment("broken", "00:00-01:00", day=1)
            broken = msgspec.structs.replace(broken, find_item_error="ErrorInternalServerError")
            self.world.put(person.mailbox or "", broken)
        self.measurement.troubled = frozenset(
            (person.mailbox or "").casefold() for person in (people[SLOW], people[THROTTLED], *failing)
        )

    def measure(self) -> None:
        """Measure from now on; readings before are remembered for their ages."""
        self.measurement = Measurement(
            troubled=self.measurement.troubled,
            read=dict(self.measurement.read),
            changed=dict(self.measurement.changed),
        )

    async def change_calendars(self) -> None:
        """Begin a meeting of somebody again and again, each time of somebody else."""
        while self._fresh:
            await asyncio.sleep(self._random.expovariate(CHANGES_PER_SECOND))
            self._begin_meeting(self._fresh.pop())

    def _begin_meeting(self, person: Person) -> None:
        now = datetime.now(UTC)
        item = msgspec.structs.replace(
            self.world.appointment("new", "00:00-01:00", subject="Kunde Nord ruft an"),
            start=now - timedelta(minutes=1),
            end=now + timedelta(hours=1),
        )
        self.world.put(person.mailbox or "", item)
        self.measurement.changed[person.guid] = time.monotonic()


async def serve(mailboxes: int, appointments: int, directory: Path) -> None:
    """Write settings.toml, then do what is asked for."""
    site = GraphSite(mailboxes, appointments, directory)
    async with site.company, asyncio.TaskGroup() as group:
        (directory / "settings.toml").write_text(site.settings())
        changing: list[asyncio.Task[None]] = []
        async for command in commands():
            match command:
                case "change calendars":
                    changing.append(group.create_task(site.change_calendars()))
                case "make trouble":
                    site.make_trouble()
                case "measure":
                    site.measure()
            say(site.measurement.report() if command == "report" else None)
        for each in changing:
            each.cancel()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
