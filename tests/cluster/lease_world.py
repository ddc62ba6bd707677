"""A database in memory, nodes that believe by the rules of the lease, and everything that may happen to them.

A step is a tick of real time, a message executed, answered, lost or given up (and executed late), a node acting, or a
fault: a node killed and started again, a fail-over to a replica that fell behind (a restored backup is the same), a
clock that is set, slewed or stands still while the machine is suspended. A node that takes no step is stopped.

What may be left out of the rules is left out here, never in the product.
"""

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from msgspec.structs import replace

from engine.cluster.clocks import Reading
from engine.cluster.lease import HeldShard, Lease, LeaseTimes
from engine.cluster.model import ClusterState, ShardState, TermState
from engine.cluster.nodes import Nodes

A_DAY = 86_400_000_000_000
BEGAN = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass
class Term:
    beat: int = 0
    ended: bool = False
    seen: int = 0
    """By the database's clock."""


@dataclass
class Shard:
    term: str | None
    token: int


@dataclass
class Database:
    """The statements of the protocol as one process without any delay executes them."""

    terms: dict[str, Term]
    shards: list[Shard]
    incarnation: int = 0
    settled: str = "0"
    clock: int = 0
    broken: Collection[str] = ()

    def state(self) -> ClusterState:
        return ClusterState(
            incarnation=str(self.incarnation),
            clock=BEGAN,
            settled=self.settled,
            lease_seconds=10,
            settings=0,
            secrets=0,
            terms=tuple(
                TermState(name, name, "share", True, False, term.beat, BEGAN, BEGAN, "", 1, (), 0, {})
                for name, term in self.terms.items()
                if not term.ended
            ),
            shards=tuple(map(self.shard_state, range(len(self.shards)))),
        )

    def shard_state(self, number: int) -> ShardState:
        shard = self.shards[number]
        owner = self.terms[shard.term] if shard.term is not None else Term()
        return ShardState(number, shard.term, shard.token, owner.beat, owner.ended)

    def alive(self, term: str) -> Term | None:
        """A fail-over may have lost a term altogether."""
        found = self.terms.get(term)
        return None if found is None or found.ended else found

    def beat(self, me: str) -> dict[int, int] | None:
        if (term := self.alive(me)) is None:
            return None
        term.beat += 1
        term.seen = self.clock
        return {number: shard.token for number, shard in enumerate(self.shards) if shard.term == me}

    def take(self, me: str, incarnation: str, seen: ShardState, above: int) -> int | None:
        mine, shard = self.alive(me), self.shards[seen.shard]
        if mine is None or ("incarnation" not in self.broken and incarnation != str(self.incarnation)):
            return None
        is_same_token = shard.token == seen.token or "token" in self.broken
        if not is_same_token or shard.term != seen.term:
            return None
        if shard.term is not None and shard.term != me:
            former = self.terms[shard.term]
            if former.beat != seen.beat and not former.ended and "database's clock" not in self.broken:
                return None
            former.ended = True
        if "token" not in self.broken:  # which would show that the owner has taken it again, too
            mine.beat += 1
        mine.seen = self.clock
        shard.term, shard.token = me, max(shard.token, 0 if "tokens that were known" in self.broken else above) + 1
        return shard.token

    def end_silent(self, incarnation: str, over: TermState) -> None:
        found = self.terms.get(over.term)
        if found is not None and found.beat == over.beat and incarnation == str(self.incarnation):
            found.ended = True

    def release(self, me: str, number: int, token: int) -> None:
        shard = self.shards[number]
        if shard.term == me and (shard.token == token or "token of a release" in self.broken):
            shard.term = None


Executed = dict[int, int] | int | None


@dataclass
class Message:
    """A request of a node, which is executed at most once."""

    kind: str
    sent: Reading
    execute: Callable[[Database], Executed]
    shard: int = 0
    answered: bool = False
    answer: Executed = None


class FromAnswer(Lease):
    """Counts claims from the answer."""

    def told_beat(self, sent: Reading, now: Reading, listed: Mapping[int, int] | None) -> Collection[int]:
        return super().told_beat(now, now, listed)

    def told_take(self, shard: int, sent: Reading, now: Reading, token: int | None) -> HeldShard | None:
        return super().told_take(shard, now, now, token)


class Revives(Lease):
    """Believes again in a claim that is over, if a beat lists it."""

    def __init__(self, times: LeaseTimes) -> None:
        super().__init__(times)
        self.once: dict[int, int] = {}

    def told_take(self, shard: int, sent: Reading, now: Reading, token: int | None) -> HeldShard | None:
        self.once[shard] = token or self.once.get(shard, 0)
        return super().told_take(shard, sent, now, token)

    def told_beat(self, sent: Reading, now: Reading, listed: Mapping[int, int] | None) -> Collection[int]:
        over = super().told_beat(sent, now, listed)
        for shard, token in (listed or {}).items():
            if self.claim_of(shard) is None and self.once.get(shard) == token:
                super().told_take(shard, sent, now, token)
        return over


class NoToken(Lease):
    """Does not look at tokens."""

    def look(self, found: ClusterState, now: Reading) -> None:
        shards = [ShardState(each.shard, each.term, 0, each.beat, each.ended) for each in found.shards]
        super().look(replace(found, shards=tuple(shards)), now)


class NoIncarnation(Lease):
    """Does not look at incarnations."""

    def look(self, found: ClusterState, now: Reading) -> None:
        super().look(replace(found, incarnation="", settled=""), now)


class ReleasesSoon(Lease):
    """Releases a shard while its writes are under way."""

    def may_release(self, shard: int, now: Reading) -> bool:
        return True


class BelievesTheDatabase(Lease):
    """Takes what was not seen for the time of a lease, by the clock of the database."""

    database: Database

    def may_take(self, shard: int, now: Reading) -> bool:
        owner = self.database.shards[shard].term
        if super().may_take(shard, now) or not self._seen or owner is None:
            return super().may_take(shard, now)
        return self.database.clock - self.database.terms[owner].seen >= self.times.lease


RULES_LEFT_OUT: dict[str, type[Lease]] = {
    "sent": FromAnswer,
    "unbroken": Revives,
    "token": NoToken,
    "incarnation": NoIncarnation,
    "wait at release": ReleasesSoon,
    "waiter's clock": BelievesTheDatabase,
}
"""Besides these: "margin", "token of a release" (of the database alone), and the clock of the holder or the waiter."""


@dataclass
class Node:
    lease: Lease
    nodes: Nodes
    number: int
    boot: int = 0
    raw: int = 0
    wall: int = 0
    boot_pace: int = 0
    """What CLOCK_BOOTTIME gains in a hundred ticks."""
    slewed: int = 0
    suspended: bool = False
    message: Message | None = None
    held: dict[int, bool] = field(default_factory=dict)
    over_at: dict[int, int] = field(default_factory=dict)
    reads: str = ""

    def now(self) -> Reading:
        """The holder and the waiter see both clocks, unless a rule is left out that they see only one."""
        boot, raw = self.boot, self.raw
        match self.reads:
            case "boot":
                return Reading(boot, boot, self.wall)
            case "raw":
                return Reading(raw, raw, self.wall)
        return Reading(boot, raw, self.wall)


class World:
    """Nodes over one database; `broken` names the rules that are left out."""

    def __init__(self, nodes: int, shards: int, *, lease: int, claim: int, under_way: int, broken: str = "") -> None:
        self.broken, self.under_way, self.time = broken, under_way, 0
        self.times = LeaseTimes(lease, lease if broken == "margin" else claim)
        self.database = Database({}, [Shard(None, 0) for _ in range(shards)], broken=self._of_the_database())
        self.replica: Database | None = None
        self.late: Callable[[Database], Executed] | None = None
        self.terms = 0
        reads = {"holder's clock": "raw", "waiter's pace": "boot"}.get(broken, "")
        self.nodes = [Node(self._lease(), Nodes(self.times.lease), number, reads=reads) for number in range(nodes)]
        self.takes = self.fail_overs = 0
        first = self.nodes[0]
        for number in range(shards):
            token = self.database.take(first.lease.term, "0", self.database.shard_state(number), 0)
            first.lease.told_take(number, first.now(), first.now(), token)
        self.judge()

    def _of_the_database(self) -> Collection[str]:
        return {"waiter's clock": ("database's clock",)}.get(self.broken, (self.broken,))

    def _lease(self) -> Lease:
        lease = RULES_LEFT_OUT.get(self.broken, Lease)(self.times)
        if isinstance(lease, BelievesTheDatabase):
            lease.database = self.database
        lease.begin(self._new_term())
        return lease

    def _new_term(self) -> str:
        self.terms += 1
        name = f"term {self.terms}"
        self.database.terms[name] = Term(seen=self.database.clock)
        return name

    # -- what a node does

    def tick(self) -> None:
        self.time += 1
        self.database.clock += 1
        for node in self.nodes:
            node.slewed += node.boot_pace
            whole, node.slewed = divmod(node.slewed, 100)
            node.boot += 1 + whole
            node.wall += 1 + whole
            node.raw += not node.suspended

    def look(self, i: int) -> None:
        node, found = self.nodes[i], self.database.state()
        node.lease.look(found, node.now())
        node.nodes.look(found, node.now())

    def send_beat(self, i: int) -> None:
        me = self.nodes[i].lease.term
        self._send(i, "beat", lambda database: database.beat(me))

    def send_take(self, i: int, shard: int) -> None:
        lease = self.nodes[i].lease
        me, seen, incarnation, above = lease.term, lease.seen(shard), lease.incarnation, lease.highest_token(shard)
        self._send(i, "take", lambda database: database.take(me, incarnation, seen, above), shard)

    def send_end(self, i: int, over: TermState) -> None:
        incarnation = self.nodes[i].lease.incarnation
        self._send(i, "end", lambda database: database.end_silent(incarnation, over))

    def stop_writing(self, i: int, shard: int) -> None:
        self.nodes[i].lease.give_up(shard, self.nodes[i].now())

    def send_release(self, i: int, shard: int) -> None:
        lease = self.nodes[i].lease
        me, token = lease.term, lease.token_given_up(shard)
        self._send(i, "release", lambda database: database.release(me, shard, token), shard)

    def _send(self, i: int, kind: str, execute: Callable[[Database], Executed], shard: int = 0) -> None:
        assert self.nodes[i].message is None
        self.nodes[i].message = Message(kind, self.nodes[i].now(), execute, shard)

    # -- what becomes of its messages

    def execute(self, i: int) -> None:
        message = self._message(i)
        message.answered, message.answer = True, message.execute(self.database)
        self.takes += message.kind == "take" and message.answer is not None

    def tell(self, i: int) -> None:
        node, message = self.nodes[i], self._message(i)
        node.message = None
        match message.kind, message.answer:
            case "beat", None:
                node.lease.told_beat(message.sent, node.now(), None)
                node.lease.begin(self._new_term())
            case "beat", dict() as listed:
                node.lease.told_beat(message.sent, node.now(), listed)
            case "take", int() | None as token:
                node.lease.told_take(message.shard, message.sent, node.now(), token)
            case "release", _:
                node.lease.released(message.shard)

    def lose(self, i: int) -> None:
        """It is never executed, or its answer does not arrive."""
        self._forget(i)

    def give_up(self, i: int) -> None:
        """The node does not wait any longer, and it may be executed at any time."""
        self.late = self._message(i).execute
        self._forget(i)

    def _forget(self, i: int) -> None:
        message = self._message(i)
        self.nodes[i].message = None
        if message.kind == "release":
            self.nodes[i].lease.released(message.shard)

    def execute_late(self) -> None:
        assert self.late is not None
        self.late(self.database)
        self.late = None

    def _message(self, i: int) -> Message:
        message = self.nodes[i].message
        assert message is not None
        return message

    # -- what happens to nodes and the database

    def settle(self, i: int) -> None:
        self.database.settled = self.nodes[i].lease.incarnation

    def kill(self, i: int) -> None:
        """A process dies, and another one begins."""
        node = self.nodes[i]
        if node.message is not None and not node.message.answered:
            self.late = node.message.execute
        node.lease, node.nodes, node.message = self._lease(), Nodes(self.times.lease), None

    def fall_behind(self) -> None:
        self.replica = copy.deepcopy(self.database)

    def fail_over(self) -> None:
        assert self.replica is not None
        promoted, self.replica = self.replica, None
        promoted.incarnation, promoted.clock = self.database.incarnation + 1, self.database.clock
        promoted.settled = ""
        self.database = promoted
        self.fail_overs += 1
        for node in self.nodes:
            if isinstance(node.lease, BelievesTheDatabase):
                node.lease.database = promoted

    def set_wall_clock(self, i: int) -> None:
        self.nodes[i].wall += A_DAY

    def suspend(self, i: int, is_suspended: bool) -> None:
        self.nodes[i].suspended = is_suspended

    def slew(self, i: int, pace: int) -> None:
        self.nodes[i].boot_pace = pace

    def set_database_clock(self) -> None:
        self.database.clock += A_DAY

    # -- the judge

    def judge(self) -> None:
        """I1: while one node believes that it may write, no other does, nor has a write under way."""
        for node in self.nodes:
            for shard in range(len(self.database.shards)):
                claim = node.lease.claim_of(shard)
                holds = claim is not None and not claim.has_run_out(node.now())
                if node.held.get(shard) and not holds:
                    node.over_at[shard] = self.time
                node.held[shard] = holds
        for shard in range(len(self.database.shards)):
            for one in self.nodes:
                for other in self.nodes:
                    if one is not other and one.held[shard]:
                        assert not other.held[shard], f"{one.number} and {other.number} may write for {shard}"
                        is_under_way = self.time < other.over_at.get(shard, -self.under_way) + self.under_way
                        assert not is_under_way, f"{one.number} may write for {shard} beside a write of {other.number}"

    def moves(self) -> Iterator[tuple[float, str, Callable[[], None]]]:
        """What may happen now: how likely, in words, and how."""
        yield 6.0, "tick", self.tick
        for i, node in enumerate(self.nodes):
            yield from self._moves_of(i, node)
        if self.late is not None:
            yield 3.0, "what was given up is executed", self.execute_late
        if self.replica is None:
            yield 0.3, "the replica falls behind", self.fall_behind
        else:
            yield 0.15, "fail-over", self.fail_over
        yield 0.05, "the database's clock is set", self.set_database_clock

    def _moves_of(self, i: int, node: Node) -> Iterator[tuple[float, str, Callable[[], None]]]:
        lease, now, shards = node.lease, node.now(), range(len(self.database.shards))
        yield 2.0, f"{i} looks", partial(self.look, i)
        message = node.message
        if message is None:
            yield 3.0, f"{i} sends a beat", partial(self.send_beat, i)
            for over in node.nodes.silent(now):
                if over.term != lease.term:
                    yield 1.0, f"{i} sends the end of {over.term}", partial(self.send_end, i, over)
            for shard in shards:
                if shard in lease.given_up:
                    if lease.may_release(shard, now):
                        yield 3.0, f"{i} sends a release of {shard}", partial(self.send_release, i, shard)
                elif lease.may_take(shard, now):
                    yield 3.0, f"{i} sends a take of {shard}", partial(self.send_take, i, shard)
        elif not message.answered:
            yield 3.0, f"{i}'s {message.kind} is executed", partial(self.execute, i)
            yield 0.5, f"{i}'s {message.kind} is lost", partial(self.lose, i)
            yield 0.5, f"{i} gives up its {message.kind}", partial(self.give_up, i)
        else:
            yield 3.0, f"{i} is told of its {message.kind}", partial(self.tell, i)
            yield 0.5, f"{i} is not told of its {message.kind}", partial(self.lose, i)
        for claim in lease.claims:
            if not claim.has_run_out(now):
                yield 0.15, f"{i} gives {claim.shard} up", partial(self.stop_writing, i, claim.shard)
        if lease.knows_incarnation(now) and lease.incarnation == str(self.database.incarnation):
            yield 0.5, f"{i} settles", partial(self.settle, i)
        yield 0.15, f"{i} is killed", partial(self.kill, i)
        yield 0.05, f"{i}'s wall clock is set", partial(self.set_wall_clock, i)
        yield (
            0.1,
            f"{i} {'wakes up' if node.suspended else 'is suspended'}",
            partial(self.suspend, i, not node.suspended),
        )
        for pace in {-8, 0, 8} - {node.boot_pace}:
            yield 0.05, f"{i}'s clock is slewed by {pace} %", partial(self.slew, i, pace)
