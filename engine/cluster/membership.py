"""A node's membership in a cluster: the tasks that look, beat, take and release, and what the engine is told of it.

One request is under way at a time, as in the checked model of the protocol. Two clocks: `clock` paces the tasks, and
`read_clocks` measures what the lease depends on.
"""

import asyncio
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from engine.cluster.allocation import Allocation
from engine.cluster.clocks import ReadClocks, Reading, read_clocks
from engine.cluster.errors import NodeNameTaken
from engine.cluster.lease import HeldShard, Lease, LeaseTimes
from engine.cluster.model import ClusterState, LeaseDatabase, Member, Report, ShardState, TermState
from engine.cluster.nodes import Ability, Nodes
from engine.cluster.overview import ClusterOverview, overview
from engine.cluster.sharing import shard_of
from engine.core.clock import Clock
from engine.core.errors import Failure

SAID_AFTER = timedelta(seconds=3)
"""How long the database is not reached before that is a problem: a restart of it takes less."""

LONG = timedelta(minutes=1)
"""How long the database is away before a quarter of all budgets has to do: nothing that is read can be written."""

UNTIL_KNOWN = timedelta(seconds=1)
"""Pause between looks while nothing is known of the cluster."""


class Holder(Protocol):
    """The part of the engine that works for the users of this node."""

    def taken(self, shards: Collection[int]) -> None:
        """Begin to work for these shards, whose presences are to be asked of the PBX before anything is sent."""
        ...

    def lost(self, shards: Collection[int]) -> None:
        """Stop working for these shards: they are another node's, or given up. A claim that ran out is no loss yet."""
        ...

    async def answered(self, shards: Collection[int]) -> None:
        """Return when the PBX has answered every write for these shards, of which none is sent any more."""
        ...

    def shared_by(self, nodes: int) -> None:
        """Use this fraction of all budgets."""
        ...

    def server_changed(self) -> None:
        """Store again what is known and the database does not have: it may have lost what it acknowledged last."""
        ...


class NodeClaim:
    """A claim of this node, as the engine sees it (`core/claims.py`)."""

    __slots__ = ("_claim", "_membership", "shard", "term", "token")

    def __init__(self, claim: HeldShard, membership: "Membership") -> None:
        self.shard, self.term, self.token = claim.shard, claim.term, claim.token
        self._claim = claim
        self._membership = membership

    def holds(self) -> bool:
        """Return whether the claim is in force at this very moment; once it is over, it stays over.

        Its shard may still be ours then: whoever asks for the claim again gets another one, if so.
        """
        return self._membership.holds(self._claim)


@dataclass(frozen=True, slots=True)
class _Beliefs:
    """What a node believes of a cluster with leases of this length, and this many shards."""

    lease: Lease
    nodes: Nodes
    allocation: Allocation
    lease_seconds: int
    shards: int

    @classmethod
    def begun(cls, found: ClusterState) -> "_Beliefs":
        times = LeaseTimes.of(found.lease_seconds)
        lease, nodes = Lease(times), Nodes(times.lease)
        return cls(lease, nodes, Allocation(lease, nodes), found.lease_seconds, len(found.shards))

    def fit(self, found: ClusterState) -> bool:
        return (self.lease_seconds, self.shards) == (found.lease_seconds, len(found.shards))

    def look(self, found: ClusterState, now: Reading) -> None:
        self.lease.look(found, now)
        self.nodes.look(found, now)
        self.allocation.look(found, now)

    def part(self, fraction: float) -> timedelta:
        return timedelta(seconds=self.lease_seconds * fraction)


class Membership:
    """This node among the others; implements `Ownership`. Run it with `run`; `leave` ends it without a gap.

    `report` says how this node is, with whether it is able at this moment.
    """

    def __init__(
        self,
        database: LeaseDatabase,
        member: Member,
        holder: Holder,
        report: Callable[[], Report],
        *,
        clock: Clock,
        read_clocks: ReadClocks = read_clocks,
    ) -> None:
        self._database = database
        self._member = member
        self._holder = holder
        self._report = report
        self._clock = clock
        self._read = read_clocks
        self._turn = asyncio.Lock()
        self._look_due, self._beat_due = asyncio.Event(), asyncio.Event()
        self._left = asyncio.Event()
        self._is_leaving = False
        self._ability = Ability()
        self._beliefs: _Beliefs | None = None
        self._new_term = ""
        self._sharing, self._shared_by = 1, 0
        self._name_taken = False
        self._works_for = set[int]()
        self._own_terms = set[str]()
        self.state: ClusterState | None = None
        self.away: Failure | None = None
        self.away_since: datetime | None = None

    # -- what the engine asks

    def shard_of(self, guid: str) -> int:
        """Return the shard of a user; 0 as long as it is not known how many there are."""
        return 0 if self._beliefs is None else shard_of(guid, self._beliefs.shards)

    def claim_to(self, shard: int) -> NodeClaim | None:
        """Return the claim to a shard, None if this node does not own it."""
        if self._beliefs is None:
            return None
        claim = self._beliefs.lease.claim_of(shard)
        return NodeClaim(claim, self) if claim is not None and self.holds(claim) else None

    def claim_of(self, guid: str) -> NodeClaim | None:
        """Return the claim to a user, None if this node does not own the user."""
        return self.claim_to(self.shard_of(guid))

    def owners(self) -> Mapping[int, str]:
        """Return the names of the living nodes that own shards, by shard."""
        seen = self.overview()
        return {} if seen is None else seen.owners

    @property
    def term(self) -> str:
        """The term of this process, empty while it is no member."""
        return "" if self._beliefs is None else self._beliefs.lease.term

    def holds(self, claim: HeldShard) -> bool:
        """Return whether a claim is in force now. If the machine may have been frozen, the database is asked first."""
        now = self._read()
        if claim.is_uncertain(now) and not claim.has_run_out(now):
            self._beat_due.set()
        return claim.holds_at(now)

    @property
    def shards(self) -> Collection[int]:
        """The shards that this node owns."""
        return [] if self._beliefs is None else sorted(each.shard for each in self._beliefs.lease.claims)

    @property
    def alive(self) -> Collection[TermState]:
        """The terms whose processes are running, as far as this node sees."""
        return () if self._beliefs is None else self._beliefs.nodes.alive(self._read())

    @property
    def away_for(self) -> timedelta | None:
        """For how long the database has not answered, None if it did last time."""
        return None if self.away_since is None else self._clock.now() - self.away_since

    def overview(self) -> ClusterOverview | None:
        """Return the cluster as this node sees it, None before it was looked at."""
        if self.state is None or self._beliefs is None:
            return None
        return overview(self.state, self._beliefs.lease, self._beliefs.nodes, self._read())

    def problems(self) -> tuple[Failure, ...]:
        """Return what keeps this node from its work."""
        name_taken = (NodeNameTaken(self._member.node),) if self._name_taken else ()
        is_long = self.away_since is not None and self._clock.now() - self.away_since >= SAID_AFTER
        return name_taken if self.away is None or not is_long else (self.away, *name_taken)

    def wake(self) -> None:
        """Look now, because something has changed."""
        self._look_due.set()

    async def drain(self, node: str, *, is_draining: bool) -> bool:
        """Have a node give up all its shards, or let it have some again; return whether there is such a node.

        Raises a `Failure` if the database does not answer.
        """
        async with self._turn:
            return await self._database.drain(node, is_draining)

    async def leave(self) -> None:
        """Give everything up, and return when the others may have it; the caller limits how long that may take."""
        self._is_leaving = True
        self.wake()
        await self._left.wait()

    # -- its tasks

    async def run(self) -> None:
        """Be a member until `leave` is done, or cancelled: then the others have to wait for the time of a lease."""
        try:
            async with asyncio.TaskGroup() as group:
                parts = (self._look_regularly(group), self._beat_regularly(), self._watch_claims())
                tasks = [group.create_task(part) for part in parts]
                await self._left.wait()
                for task in tasks:
                    task.cancel()
        finally:
            if self._beliefs is not None:
                self._end_term(self._beliefs.lease)

    async def _look_regularly(self, group: asyncio.TaskGroup) -> None:
        while True:
            begun = self._clock.now()
            await self._look(group)
            pause = UNTIL_KNOWN if self._beliefs is None else self._beliefs.part(1 / 20)
            await self._until(begun + pause, self._look_due)

    async def _beat_regularly(self) -> None:
        while True:
            begun = self._clock.now()
            pause = UNTIL_KNOWN
            if (beliefs := self._beliefs) is not None:
                pause = beliefs.part(1 / 5 if await self._beat(beliefs.lease) else 1 / 20)
            await self._until(begun + pause, self._beat_due)

    async def _watch_claims(self) -> None:
        while True:
            pause = UNTIL_KNOWN
            if (beliefs := self._beliefs) is not None:
                pause = beliefs.part(1 / 20)
                now = self._read()
                beliefs.lease.run_out(now)
                self._tell_shared_by()
                if any(claim.is_uncertain(now) for claim in beliefs.lease.claims):
                    self._beat_due.set()
            await self._clock.sleep_until(self._clock.now() + pause)

    async def _until(self, instant: datetime, due: asyncio.Event) -> None:
        """Return at an instant, or when something is due before."""
        waiting = asyncio.get_running_loop().create_task(due.wait())
        try:
            await self._first_of(waiting, instant - self._clock.now())
        finally:
            waiting.cancel()
        due.clear()

    async def _first_of(self, task: asyncio.Task[object], pause: timedelta) -> None:
        """Return when a task is done, or a pause is over before."""
        alarm = asyncio.get_running_loop().create_task(self._clock.sleep_until(self._clock.now() + pause))
        try:
            await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()

    async def _beat(self, lease: Lease) -> bool:
        """Go on with the term, if there is one; return whether that was answered."""
        async with self._turn:
            if not lease.term:
                return True
            sent = self._read()
            report = self._report()
            report = replace(report, able=self._ability.told(report.able, sent))
            try:
                listed = await self._database.beat(lease.term, report)
            except Failure as failure:
                self._note_failure(failure)
                return False
            self._note_answer()
            lease.told_beat(sent, self._read(), listed)
            if listed is None:
                self._end_term(lease)
            return True

    async def _look(self, group: asyncio.TaskGroup) -> None:
        """Look, and do what follows from it."""
        try:
            async with self._turn:
                found = await self._database.look()
                now = self._read()
            self._note_answer()
            beliefs = self._note(found, now)
            me = next((each for each in found.terms if each.term == beliefs.lease.term), None)
            if me is not None:
                await self._settle(beliefs.lease, now)
                await self._end_silent(beliefs, me, now)
                await self._act(beliefs, me, now, group)
            elif beliefs.lease.term:
                self._beat_due.set()  # whose answer tells that the term is over
            elif self._is_leaving:
                self._left.set()
            else:
                await self._begin(beliefs, found, now)
        except Failure as failure:
            self._note_failure(failure)
            if self._beliefs is not None:
                self._beliefs.nodes.missed()

    def _note(self, found: ClusterState, now: Reading) -> _Beliefs:
        beliefs, self.state = self._beliefs, found
        if beliefs is None or not beliefs.fit(found):
            if beliefs is not None:  # somebody has changed what may be changed only while all are stopped
                self._tell_lost(tuple(self._works_for))
                self._end_term(beliefs.lease)
            beliefs = self._beliefs = _Beliefs.begun(found)
        before = beliefs.lease.incarnation
        beliefs.look(found, now)
        self._tell_lost([each.shard for each in found.shards if self._is_lost(each)])
        if before not in ("", found.incarnation) and beliefs.lease.claims:
            self._holder.server_changed()
        self._sharing = max(1, len(beliefs.nodes.takers(now)))
        self._tell_shared_by()
        return beliefs

    async def _begin(self, beliefs: _Beliefs, found: ClusterState, now: Reading) -> None:
        """Begin a term, once no other process of this name is running."""
        self._new_term = self._new_term or str(uuid.uuid4())
        namesakes = [each for each in found.terms if each.node == self._member.node and each.term != self._new_term]
        silent = {each.term for each in beliefs.nodes.silent(now)}
        running = [each for each in namesakes if each.term not in silent]
        self._name_taken = any(beliefs.nodes.beat_was_seen(each.term) for each in running)
        if running:
            return
        async with self._turn:
            is_begun = await self._database.begin(self._new_term, self._member, namesakes, found.incarnation)
        if is_begun:
            beliefs.lease.begin(self._new_term)
            self._own_terms.add(self._new_term)
            self._new_term = ""
            self._beat_due.set()

    async def _settle(self, lease: Lease, now: Reading) -> None:
        if self.state is not None and self.state.settled != lease.incarnation and lease.knows_incarnation(now):
            async with self._turn:
                await self._database.settle(lease.incarnation)

    async def _end_silent(self, beliefs: _Beliefs, me: TermState, now: Reading) -> None:
        """End the terms of processes that are gone, whether they own anything or not."""
        over = [each for each in beliefs.nodes.silent(now) if each.term != me.term]
        if over:
            async with self._turn:
                await self._database.end_silent(me.term, over, beliefs.lease.incarnation)

    async def _act(self, beliefs: _Beliefs, me: TermState, now: Reading, group: asyncio.TaskGroup) -> None:
        """Take what is this node's to take, and give up what others should have."""
        lease, allocation = beliefs.lease, beliefs.allocation
        if self._is_leaving:
            given_up: Collection[int] = allocation.to_leave()
        else:
            given_up = allocation.to_give_up(me, now)
            await self._take(lease, me, allocation.to_take(me, now))
        for shard in given_up:
            lease.give_up(shard, self._read())
        if given_up:
            self._tell_lost(given_up)
            group.create_task(self._release(beliefs, me.term, given_up))
        elif self._is_leaving and not lease.given_up:
            async with self._turn:
                await self._database.end(me.term)
            self._left.set()

    async def _take(self, lease: Lease, me: TermState, shards: Collection[int]) -> None:
        taken = []
        try:
            for shard in shards:
                async with self._turn:
                    sent = self._read()
                    lease.run_out(sent)
                    if lease.term != me.term or not lease.may_take(shard, sent):
                        continue
                    above = lease.highest_token(shard)
                    token = await self._database.take(me.term, lease.incarnation, lease.seen(shard), above)
                    if lease.told_take(shard, sent, self._read(), token) is not None:
                        taken.append(shard)
        finally:
            if taken:
                self._works_for.update(taken)
                self._holder.taken(taken)

    async def _release(self, beliefs: _Beliefs, term: str, shards: Collection[int]) -> None:
        """Release shards that were given up, as soon as no write for them can be under way."""
        lease = beliefs.lease
        all_answered = asyncio.get_running_loop().create_task(self._holder.answered(shards))
        try:
            while lease.term == term and not (
                all_answered.done() or all(lease.may_release(shard, self._read()) for shard in shards)
            ):
                await self._first_of(all_answered, beliefs.part(1 / 20))
        finally:
            all_answered.cancel()
        for shard in shards:
            while lease.term == term and shard in lease.given_up and not await self._release_one(lease, shard):
                await self._clock.sleep_until(self._clock.now() + beliefs.part(1 / 20))
            beliefs.allocation.released(shard)
        self.wake()

    async def _release_one(self, lease: Lease, shard: int) -> bool:
        async with self._turn:
            try:
                await self._database.release(lease.term, shard, lease.token_given_up(shard))
            except Failure as failure:
                self._note_failure(failure)
                return False
        lease.released(shard)
        return True

    # -- what follows from answers

    def _end_term(self, lease: Lease) -> None:
        lease.begin("")
        self.wake()

    def _tell_shared_by(self) -> None:
        """Tell among how many nodes budgets are divided, and reduce them while the database is away for long."""
        is_long = self.away_since is not None and self._clock.now() - self.away_since >= LONG
        shared_by = self._sharing * (4 if is_long else 1)
        if shared_by != self._shared_by:
            self._shared_by = shared_by
            self._holder.shared_by(shared_by)

    def _is_lost(self, found: ShardState) -> bool:
        """Return whether a shard that this node works for is another node's. Under an ended term of this process it is
        nobody's yet, and is worked for until somebody takes it."""
        return found.shard in self._works_for and found.term is not None and found.term not in self._own_terms

    def _tell_lost(self, shards: Collection[int]) -> None:
        if shards:
            self._works_for.difference_update(shards)
            self._holder.lost(shards)

    def _note_failure(self, failure: Failure) -> None:
        self.away = failure
        self.away_since = self.away_since or self._clock.now()

    def _note_answer(self) -> None:
        self.away = self.away_since = None
