"""Memberships over a real PostgreSQL, whose time passes when a test says so."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from engine.cluster.clocks import Reading
from engine.cluster.membership import Membership
from engine.cluster.model import ClusterState, Member, Report, ShardState, TermState
from engine.store.postgres.leases import Leases
from tests.support.clock import ManualClock
from tests.support.cluster import made_small, shared
from tests.support.database_proxy import DatabaseProxy
from tests.support.postgres import PostgresDatabase
from tests.support.quiescence import quiescence

T = TypeVar("T")

LEASE, CLAIM, LOOK = 5.0, 3.5, 0.25
"""Seconds: the shortest lease that there is, how long a claim lasts then, and how often a node looks."""

SHARDS = 8

ABLE = Report(able=True)


class Observed:
    """The statements of the lease protocol, and whether an answer to one is awaited."""

    def __init__(self, leases: Leases, clock: ManualClock) -> None:
        self._leases = leases
        self._clock = clock
        self.awaits_answer = False
        self.requests = 0
        self.last_beat: datetime | None = None
        """When the last beat or take was sent that was executed."""

    async def _answer(self, request: Awaitable[T], *, is_beat: bool = False) -> T:
        sent = self._clock.now()
        self.awaits_answer = True
        self.requests += 1
        try:
            answer = await request
            if is_beat and answer is not None:
                self.last_beat = sent
            return answer
        finally:
            self.awaits_answer = False

    async def look(self) -> ClusterState:
        return await self._answer(self._leases.look())

    async def begin(self, me: str, member: Member, over: Sequence[TermState], incarnation: str) -> bool:
        return await self._answer(self._leases.begin(me, member, over, incarnation))

    async def beat(self, me: str, report: Report) -> Mapping[int, int] | None:
        return await self._answer(self._leases.beat(me, report), is_beat=True)

    async def take(self, me: str, incarnation: str, seen: ShardState, above: int) -> int | None:
        return await self._answer(self._leases.take(me, incarnation, seen, above), is_beat=True)

    async def release(self, me: str, shard: int, token: int) -> None:
        await self._answer(self._leases.release(me, shard, token))

    async def end_silent(self, me: str, over: Sequence[TermState], incarnation: str) -> None:
        await self._answer(self._leases.end_silent(me, over, incarnation))

    async def settle(self, incarnation: str) -> None:
        await self._answer(self._leases.settle(incarnation))

    async def end(self, me: str) -> None:
        await self._answer(self._leases.end(me))

    async def drain(self, node: str, is_draining: bool) -> bool:
        return await self._answer(self._leases.drain(node, is_draining))


@dataclass
class Engine:
    """What an engine is told by its membership, and when."""

    clock: ManualClock
    told: list[tuple[datetime, str, frozenset[int]]] = field(default_factory=list)
    works_for: set[int] = field(default_factory=set)
    sharing: int = 0
    stored_again: int = 0
    all_answered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.all_answered.set()

    def taken(self, shards: Collection[int]) -> None:
        self.told.append((self.clock.now(), "taken", frozenset(shards)))
        self.works_for |= {*shards}

    def lost(self, shards: Collection[int]) -> None:
        self.told.append((self.clock.now(), "lost", frozenset(shards)))
        self.works_for -= {*shards}

    async def answered(self, shards: Collection[int]) -> None:
        await self.all_answered.wait()

    def shared_by(self, nodes: int) -> None:
        self.sharing = nodes

    def server_changed(self) -> None:
        self.stored_again += 1

    def last(self, kind: str) -> datetime:
        return max(at for at, what, _ in self.told if what == kind)


@dataclass
class Node:
    """A member as one process would be; its `proxy`, if it has one, may be cut."""

    membership: Membership
    engine: Engine
    database: Observed
    leases: Leases
    task: asyncio.Task[None]
    report: Report = ABLE
    proxy: DatabaseProxy | None = None
    lost_request: int = -1
    leaving: asyncio.Task[None] | None = None
    stepped: int = 0
    """Nanoseconds by which its wall clock was set."""
    stood_still: int = 0
    """Nanoseconds during which its process was stopped."""

    @property
    def waits_in_vain(self) -> bool:
        """Whether no answer will come before time has passed."""
        is_cut = self.proxy is not None and self.proxy.is_cut
        return self.database.awaits_answer and (is_cut or self.database.requests == self.lost_request)

    def cut(self, *, keeps: bool = False) -> None:
        """Let nothing pass between the node and the database."""
        assert self.proxy is not None
        self.proxy.cut(keeps=keeps)

    def mend(self) -> None:
        """Let everything pass again; what was lost stays so."""
        assert self.proxy is not None
        self.proxy.mend()
        self.lost_request = self.database.requests

    @property
    def shards(self) -> set[int]:
        return {*self.membership.shards}


class Cluster:
    """Nodes by name; the time of all of them is `clock`."""

    def __init__(self, database: PostgresDatabase, stack: contextlib.AsyncExitStack) -> None:
        self.database = database
        self.clock = ManualClock()
        self._begun = self.clock.now()
        self._stack = stack
        self.nodes: dict[str, Node] = {}
        self.all: list[Node] = []

    def read_clocks(self, node: Node | None = None) -> Reading:
        passed = (self.clock.now() - self._begun) // timedelta(microseconds=1) * 1000 + (
            node.stood_still if node else 0
        )
        return Reading(passed, passed, passed + (node.stepped if node else 0))

    async def add(self, name: str, role: str = "share", *, behind: Path | None = None) -> Node:
        """Begin a node, whose process is another one than any of that name before, `behind` a proxy in a directory."""
        proxy = None if behind is None else DatabaseProxy(self.database.server.directory)
        host = {}
        if proxy is not None and behind is not None:
            (behind / name).mkdir()
            host["host"] = await self._in_context(proxy.running(behind / name))
        database = await self._in_context(shared(self.database, **host))
        leases = Leases(database, self.clock)
        engine, observed = Engine(self.clock), Observed(leases, self.clock)
        made: list[Node] = []
        membership = Membership(
            observed,
            Member(name, role, "1.0", 1),
            engine,
            lambda: made[0].report,
            clock=self.clock,
            read_clocks=lambda: self.read_clocks(made[0] if made else None),
        )
        made.append(
            Node(
                membership,
                engine,
                observed,
                leases,
                asyncio.get_running_loop().create_task(membership.run()),
                proxy=proxy,
            )
        )
        self.nodes[name] = made[0]
        self.all.append(made[0])
        await self.at_rest()
        return made[0]

    async def _in_context(self, manager: contextlib.AbstractAsyncContextManager[T]) -> T:
        return await self._stack.enter_async_context(manager)

    async def kill(self, name: str) -> Node:
        """End a process without a word."""
        node = self.nodes.pop(name)
        await self._end(node)
        return node

    def leaves(self, name: str) -> None:
        """Have a process stop, which hands over what it has if it can."""
        node = self.nodes.pop(name)
        node.leaving = asyncio.get_running_loop().create_task(node.membership.leave())

    async def _end(self, node: Node) -> None:
        node.task.cancel()
        if node.leaving is not None:
            node.leaving.cancel()
        await asyncio.wait({node.task})
        if not node.task.cancelled():
            node.task.result()
        await node.leases.close()

    async def close(self) -> None:
        for node in self.all:
            await self._end(node)

    async def at_rest(self) -> None:
        """Wait until everything that follows without time has happened; nobody may write for the shard of another."""
        while True:
            await quiescence()
            if not any(node.database.awaits_answer and not node.waits_in_vain for node in self.all):
                break
            await asyncio.sleep(0.0002)
        for node in self.all:
            if node.task.done() and not node.task.cancelled():
                node.task.result()
        owned = [claim for node in self.all for claim in self.claims(node)]
        assert len(owned) == len({*owned})

    def claims(self, node: Node) -> list[int]:
        """The shards for which a node may write now."""
        beliefs = node.membership._beliefs
        now = self.read_clocks(node)
        return [] if beliefs is None else [each.shard for each in beliefs.lease.claims if not each.has_run_out(now)]

    async def passes(self, seconds: float) -> None:
        """Let time pass, from one instant at which anything is to happen to the next."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while (alarm := self.clock.next_alarm) is not None and alarm <= end:
            await self.clock.advance_to(alarm)
            await self.at_rest()
        await self.clock.advance_to(end)
        await self.at_rest()


@contextlib.asynccontextmanager
async def cluster(database: PostgresDatabase, *names: str, settled: bool = True) -> AsyncIterator[Cluster]:
    """A cluster of nodes that share all shards; `settled`: its database has been seen for the time of a lease."""
    made_small(database, shards=SHARDS, lease_seconds=int(LEASE))
    if settled:
        with database.connection() as connection:
            connection.execute("UPDATE calendar_engine.cluster SET settled = calendar_engine.incarnation()")
    async with contextlib.AsyncExitStack() as stack:
        made = Cluster(database, stack)
        stack.push_async_callback(made.close)
        for name in names:
            await made.add(name)
        if names:
            await made.passes(2)
        yield made
