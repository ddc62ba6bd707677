"""The site of the cluster campaign, and what holds on it at all times and after all faults."""

import asyncio
import contextlib
import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp
import psycopg
from msgspec.structs import replace

from engine.core.appointments import ShowAs
from engine.core.presence.model import Presence
from engine.simulator.pbx.state import CLEARING
from engine.simulator.world import CalendarItem, Person
from tests.support.cluster_site import ClusterSite
from tests.support.engine_process import EngineProcess, Machine
from tests.support.postgres import PostgresServer

NODES, SPARE, NAMESAKE = ("a", "b"), "c", "a-again"
"""Nodes that are there after every fault; one that joins and leaves; a second machine with the name of the first."""

SETTLED_WITHIN = 60.0
"""Seconds after the end of all faults within which all is right (I4)."""

REGAINED_AFTER = 60.0
"""Seconds more if no node was able: that is how long one is able again before it says so."""

STOPPED_WITHIN = 40.0
"""Seconds for an engine to end: it hands over in ten, and more may pass on a busy machine."""

LIFE = 0.3
"""Seconds between two changes of calendars, in the mean."""

SHOWN_AS = (ShowAs.BUSY, ShowAs.BUSY, ShowAs.OOF, ShowAs.TENTATIVE)

LAG_LOOK = 0.05
"""Seconds between two looks at how late this process is."""

MISTAKE = re.compile(r"^.*(Traceback|internal error|critical).*$", re.MULTILINE)


class Violation(AssertionError):
    """Something did not hold."""


@dataclass
class Figures:
    """The figures of a site, or of a whole campaign; `violation` describes what did not hold."""

    steps: int = 0
    settles: int = 0
    sites: int = 0
    starts: int = 0
    writes: int = 0
    witnessed: int = 0
    changes_of_hands: int = 0
    longest_settle: float = 0.0
    waited_for: str = ""
    longest_lag: float = 0.0
    takeovers: list[float] = field(default_factory=list)
    violation: str = ""
    violations: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Figures") -> None:
        """Add the figures of another site."""
        for name in ("steps", "settles", "starts", "writes", "witnessed", "changes_of_hands"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_lag = max(self.longest_lag, other.longest_lag)
        if other.longest_settle > self.longest_settle:
            self.longest_settle, self.waited_for = other.longest_settle, other.waited_for
        self.sites += 1
        self.violations += bool(other.violation)
        self.takeovers += other.takeovers
        self.kinds += other.kinds

    def __str__(self) -> str:
        took = sorted(self.takeovers)
        taken = f"median {took[len(took) // 2]:.1f} s, most {took[-1]:.1f} s" if took else "none"
        return (
            f"{self.steps} steps, {self.settles} settles on {self.sites} sites, {self.starts} engine starts, "
            f"{self.writes} presences written, {self.witnessed} of them compared with the database, "
            f"{self.changes_of_hands} changes of hands; shards of {len(took)} killed nodes owned again: {taken}; "
            f"longest settle {self.longest_settle:.1f} s, at the end of which {self.waited_for}; "
            f"longest lag {self.longest_lag:.2f} s"
        )


class Lag:
    """For how long this process has stood still: then it was a bad witness, and what it saw may have come late."""

    def __init__(self) -> None:
        self._found: deque[tuple[float, float]] = deque(maxlen=10_000)
        self.most = 0.0

    async def watch(self, look: Callable[[], None]) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(LAG_LOOK)
            now = time.monotonic()
            self._found.append((now, now - before - LAG_LOOK))
            self.most = max(self.most, self._found[-1][1])
            look()

    def most_since(self, begun: float) -> float:
        return max((lag for at, lag in self._found if at >= begun), default=0.0)


class Stage(ClusterSite):
    """A cluster with a random fate. `hindered` is when a machine was hindered last, "" the database."""

    def __init__(
        self,
        server: PostgresServer,
        directory: Path,
        dice: random.Random,
        background: asyncio.TaskGroup,
        settled_within: float,
    ) -> None:
        super().__init__(server, directory)
        self.dice, self.figures = dice, Figures()
        self.company.pbx.behaviour.clears = dice.choice(CLEARING)
        self.database_is_up = True
        self.backup: Path | None = None
        self._server_turn = asyncio.Lock()
        self.lag = Lag()
        self.hindered: dict[str, float] = {}
        self._background = background
        self._settled_within = settled_within
        self._later: set[asyncio.Task[None]] = set()
        self._is_settling = False
        self._keys = 0
        self._read_to: dict[str, int] = {}

    async def open(self) -> None:
        """Start the nodes."""
        self._beside = [
            self._background.create_task(each) for each in (self.lag.watch(self._note_hindered), self._live())
        ]
        for name in NODES:
            await self.start(await self.machine(name))
        await self.machine(SPARE)
        await self.machine(NAMESAKE, node=NODES[0])

    async def close(self) -> None:
        """Note the last figures, and end what happens beside."""
        for task in (*self._later, *self._beside):
            task.cancel()
        judge, figures = self.judge, self.figures
        figures.writes, figures.witnessed, figures.changes_of_hands = (
            judge.writes,
            judge.witnessed,
            judge.changes_of_hands,
        )
        figures.longest_lag = self.lag.most
        await self.start_database()

    def _note_hindered(self) -> None:
        now = time.monotonic()
        if not self.database_is_up:
            self.hindered[""] = now
        self.hindered |= {each.name: now for each in self.machines.values() if not each.is_well}

    async def start(self, machine: Machine) -> EngineProcess:
        """Start an engine on a machine."""
        self.figures.starts += 1
        return await super().start(machine)

    def later(self, seconds: float, work: Callable[[], Awaitable[None] | None]) -> None:
        """Do something after some seconds while other things happen, or when all faults are ended."""

        async def wait() -> None:
            try:
                await asyncio.sleep(seconds)
            finally:
                if (done := work()) is not None:
                    await done

        task = self._background.create_task(wait())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def person(self) -> Person:
        """Return a random person."""
        return self.dice.choice(self.world.people)

    def running(self) -> list[Machine]:
        """Return the machines with a process that runs, or is frozen."""
        return [each for each in self.machines.values() if each.is_running]

    def some_machine(self) -> Machine | None:
        """Return a random one of them, if there is one."""
        running = self.running()
        return self.dice.choice(running) if running else None

    def change_calendar(self) -> None:
        """Somebody enters an appointment around now, moves the end of the last one, or empties the calendar."""
        dice, world, mailbox = self.dice, self.world, self.person().mailbox or ""
        entries = world.entries(mailbox)
        if entries and dice.random() < 0.4:
            world.clear(mailbox)
        elif isinstance(last := entries[-1] if entries else None, CalendarItem) and dice.random() < 0.5:
            world.put(mailbox, replace(last, end=last.end + timedelta(minutes=dice.randrange(5, 60))))
        else:
            self._keys += 1
            item = world.appointment(f"a{self._keys}", "00:00-01:00", show_as=dice.choice(SHOWN_AS))
            start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=dice.randrange(-60, 1, 5))
            world.put(mailbox, replace(item, start=start, end=start + timedelta(minutes=dice.randrange(65, 240, 5))))

    async def _live(self) -> None:
        """People change their calendars all the time, so that whatever happens hits engines at work."""
        while True:
            await asyncio.sleep(self.dice.expovariate(1 / LIFE))
            if not self._is_settling:
                self.change_calendar()

    def terms(self) -> dict[int, str]:
        """Return the terms that own shards; nothing if the database does not answer."""
        try:
            return {int(str(shard)): str(term) for shard, term in self.rows(_OWNED)}
        except psycopg.Error:
            return {}

    def can_take_over(self, machine: Machine) -> bool:
        """Return whether another node has seen all that it needs to take over at once: nothing has hindered it or the
        database for longer than a lease, and no process of the same name is running."""
        try:
            able = {str(node) for (node,) in self.rows(_ABLE)}
        except psycopg.Error:
            return False
        long_ago = time.monotonic() - self.lease_seconds - 2.0
        others = [each for each in self.machines.values() if each.node in able and each.node != machine.node]
        is_alone = not any(each.is_running for each in self.machines.values() if each.node == machine.node)
        return (
            is_alone
            and self.hindered.get("", 0.0) < long_ago
            and any(self.hindered.get(each.name, 0.0) < long_ago for each in others)
        )

    def owners_or_none(self) -> dict[int, str | None]:
        """Return the node that owns each shard; nothing if the database does not answer."""
        try:
            return self.owners()
        except psycopg.Error:
            return {}

    async def sees_taken_over(self, owned: dict[int, str]) -> None:
        """Wait until other terms own all these shards. Raises a `Violation` if it takes too long (I5)."""
        begun = time.monotonic()
        limit = self.lease_seconds + 1.0
        while any(self.terms().get(shard, term) == term for shard, term in owned.items()):
            waited = time.monotonic() - begun
            if waited > limit + self.lag.most_since(begun):
                raise Violation(f"the shards {sorted(owned)} are not owned again after {waited:.1f} s")
            await asyncio.sleep(0.05)
        self.figures.takeovers.append(time.monotonic() - begun)

    # -- the database as a whole

    async def stop_database(self, *, immediately: bool) -> None:
        """Stop the server."""
        await self._with_server(partial(self._stop, immediately=immediately))

    async def start_database(self) -> None:
        """Start the server again."""
        await self._with_server(self._start)

    async def copy_database(self) -> None:
        """Stop the server and start it again; meanwhile its files are copied."""
        self.backup = self.server.directory / "backup"
        await self._with_server(self._copy)

    async def restore_database(self) -> None:
        """Go on with the copy: what was committed since is lost."""
        await self._with_server(self._restore)
        self.judge.lost(until=datetime.now(UTC) + timedelta(seconds=self.lease_seconds))

    async def _with_server(self, work: Callable[[], None]) -> None:
        """Do something with the server, one thing at a time, and to its end."""
        async with self._server_turn:
            doing = asyncio.get_running_loop().run_in_executor(None, work)
            try:
                await asyncio.shield(doing)
            finally:
                await asyncio.wait((doing,))

    def _stop(self, *, immediately: bool) -> None:
        if self.database_is_up:
            self.database_is_up = False
            self.server.stop("immediate" if immediately else "fast")

    def _start(self) -> None:
        if not self.database_is_up:
            self.server.start()
            self.database_is_up = True

    def _copy(self) -> None:
        self._stop(immediately=False)
        _copy(self.server.directory / "data", self.server.directory / "backup")
        self._start()

    def _restore(self) -> None:
        self._stop(immediately=True)
        _copy(self.server.directory / "backup", self.server.directory / "data")
        self._start()

    # -- what has to hold

    def check(self) -> None:
        """Raise a `Violation` if the PBX has seen what it should not, or an engine has ended or made a mistake."""
        if self.judge.violations:
            lag = self.lag.most_since(time.monotonic() - 10.0)
            raise Violation("; ".join(self.judge.violations) + f" (lag in the last 10 s: {lag:.2f} s)")
        for machine in self.machines.values():
            process = machine.process
            if process is not None and not process.is_running and not process.was_ended:
                raise Violation(f"the engine {machine.name} has ended with {process.status}:\n{_end_of(machine.log)}")
            if found := self._mistake(machine):
                raise Violation(f"{machine.name} says: {found}")

    async def settle(self) -> None:
        """End every fault, and wait until all is right. Raises a `Violation` if that takes too long."""
        self._is_settling = True
        await self.end_faults()
        begun = time.monotonic()
        limit = self._settled_within + self._more_time()
        waited_for = "nothing was amiss"
        while amiss := self._amiss():
            waited_for = amiss[:300]
            self.check()
            if time.monotonic() - begun > limit:
                raise Violation(f"after {limit:.0f} s: {amiss}\n{await self._circumstances(begun)}")
            await self._confirm_what_is_far()
            await asyncio.sleep(0.1)
        self.check()
        self._is_settling = False
        self.figures.settles += 1
        if (took := time.monotonic() - begun) > self.figures.longest_settle:
            self.figures.longest_settle, self.figures.waited_for = took, waited_for

    async def end_faults(self) -> None:
        """End every fault, and have the nodes run that should."""
        later = [*self._later]
        for task in later:
            task.cancel()
        await asyncio.gather(*later, return_exceptions=True)
        await self.start_database()
        self.set_database_clock(timedelta())
        for machine in self.machines.values():
            machine.proxy.mend()
            machine.steering.ahead = timedelta()
            if machine.is_cut_from_pbx:
                self.mend_to_pbx(machine)
            if machine.process is not None and machine.process.is_frozen:
                machine.process.go_on()
        if (namesake := self.machines[NAMESAKE].process) is not None:
            await namesake.kill()
        await self._stopping_ones_end()
        self.drain(None, is_draining=False)
        # Whoever was killed while it logged in has proved nothing, and others wait for a minute, after several for
        # hours. An administrator would have them try again.
        self.rows_of("UPDATE log_in SET attempts = '[]', term = NULL, until = NULL")
        for name in NODES:
            if not self.machines[name].is_running:
                await self.start(self.machines[name])

    async def _stopping_ones_end(self) -> None:
        """Wait for the end of those that were asked to. Raises a `Violation` if one does not end."""
        for machine in self.running():
            if machine.process is not None and machine.process.was_ended:
                try:
                    async with asyncio.timeout(STOPPED_WITHIN):
                        await machine.process.ended()
                except TimeoutError:
                    raise Violation(f"{machine.name} does not end:\n{_end_of(machine.log)}") from None

    async def _circumstances(self, since: float) -> str:
        """Return what may explain that something is not right yet."""
        lag, load = self.lag.most_since(since), os.getloadavg()[0]
        lines = [f"  lag: {lag:.2f} s, load: {load:.1f}, owners: {self.owners_or_none()}"]
        for machine in self.running():
            try:
                _, said = await machine.ask("GET", "/v1/status")
            except (OSError, aiohttp.ClientError, TimeoutError) as error:
                said = repr(error)
            lines.append(f"  {machine.name}: {said}")
        return "\n".join(lines)

    async def _confirm_what_is_far(self) -> None:
        """Confirm a change whose deadline is far, because another clock had told the time when it was made."""
        with contextlib.suppress(psycopg.Error, OSError, aiohttp.ClientError, TimeoutError):
            if self.rows(_FAR):
                await self.machines[NODES[0]].ask("POST", "/v1/settings/confirm")

    def set_database_clock(self, ahead: timedelta) -> None:
        """Have the database tell another time."""
        self.rows_of(
            "CREATE OR REPLACE FUNCTION calendar_engine.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
            f"'SELECT clock_timestamp() + interval ''{ahead.total_seconds():.0f} s'''"
        )

    def drain(self, node: str | None, *, is_draining: bool) -> None:
        """Have a node, or all, give up its users, or no longer."""
        self.rows_of(
            "UPDATE term SET draining = %s WHERE ended IS NULL AND (%s::text IS NULL OR node = %s)",
            is_draining,
            node,
            node,
        )

    def rows_of(self, statement: str, *values: object) -> None:
        """Change something in the database as its administrator."""
        with self.database.connection() as connection:
            connection.execute(statement.encode(), values)

    def _more_time(self) -> float:
        """Return how much longer it may take."""
        try:
            return 0.0 if self.rows("SELECT FROM term WHERE ended IS NULL AND able") else REGAINED_AFTER
        except psycopg.Error:
            return REGAINED_AFTER

    def _amiss(self) -> str:
        """Return what is not right yet."""
        try:
            if wrong := self.wrong():
                return f"shown and expected: {wrong}"
            alone = {shard: node for shard, node in self.owners().items() if node is None}
            if alone:
                return f"nobody owns {sorted(alone)}"
            unequal = self.rows(
                "SELECT node FROM term, cluster WHERE ended IS NULL AND term.settings <> cluster.settings"
            )
            if unequal:
                return f"other settings are in force at {unequal}"
            if self.rows(_UNCONFIRMED):
                return "a change is to be confirmed"
            stored = self.rows("SELECT guid, activity, note FROM presence")
            doubted = self.rows("SELECT guid FROM presence WHERE intended_activity IS NOT NULL OR suspect")
            if doubted:
                return f"in doubt: {doubted}"
        except psycopg.Error as error:
            return f"the database does not answer: {error}"
        shown = {each.guid: self.shown(each) for each in self.world.people}
        differs = {
            str(guid): (Presence(str(activity), str(note)), shown[str(guid)])
            for guid, activity, note in stored
            if Presence(str(activity), str(note)) != shown[str(guid)]
        }
        return f"stored and shown: {differs}" if differs else ""

    def _mistake(self, machine: Machine) -> str:
        """Return what a log says since the last call that no engine should say."""
        if not machine.log.exists():
            return ""
        with machine.log.open("rb") as log:
            log.seek(self._read_to.get(machine.name, 0))
            said = log.read()
        self._read_to[machine.name] = self._read_to.get(machine.name, 0) + len(said)
        found = MISTAKE.search(said.decode(errors="replace"))
        return "" if found is None else found[0][:3000]


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", source, target], check=True)
    (target / "postmaster.pid").unlink(missing_ok=True)


def _end_of(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


_OWNED = "SELECT shard, term::text FROM shard JOIN term USING (term) WHERE ended IS NULL"
_UNEQUAL = "SELECT node FROM term, cluster WHERE ended IS NULL AND term.settings <> cluster.settings"
_UNCONFIRMED = "SELECT FROM settings_version v JOIN cluster ON v.id = settings WHERE confirm_until IS NOT NULL"
_FAR = f"{_UNCONFIRMED} AND confirm_until > clock() + interval '20 s'"
_ABLE = """
SELECT node FROM term t WHERE ended IS NULL AND able AND NOT draining AND clock() - began > interval '3 s'
"""
