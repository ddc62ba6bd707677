"""The cluster as one node sees it, for people: which nodes there are, what each has, and what nobody has.

Nothing is decided by it. Ages are as long as this node has seen nothing change, by its own clocks.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from engine.cluster.clocks import Reading
from engine.cluster.lease import Lease
from engine.cluster.model import ClusterState, ShardState, TermState
from engine.cluster.nodes import STANDBY, Nodes

HALTED = "halted"
"""The figure with which a node tells for how many shards it does not write."""


class NodeCondition(StrEnum):
    """How a node is, in a word."""

    WORKING = "working"
    STANDBY = "standby"
    NOT_ABLE = "not able"
    DRAINING = "draining"
    DRAINED = "drained"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """A node that is running, or whose end nobody has noted yet.

    `quiet_for` is how long ago its last beat was seen. It is `behind` if older settings are in force on it than the
    newest ones. For `halted` of its shards it does not write, because somebody else does.
    """

    name: str
    role: str
    condition: NodeCondition
    is_own: bool
    is_able: bool
    is_draining: bool
    version: str
    shards: int
    quiet_for: timedelta
    settings: int
    behind: bool
    halted: int
    began: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOverview:
    """All nodes, by name, and the shards.

    Of the `shards`, `own` are this node's, and `ownerless` ones have no living owner, the first of them for
    `ownerless_for`. `owners` has the names of the nodes by shard. `lease_age` is how long ago the database has
    confirmed this node's claims, None without any. The database's clock is `clock_ahead` of this machine's, which
    decides nothing; another run of the server was seen `changed_ago`. `takeovers` are the shards that this process has
    taken of nodes which had not given them up. `gone` nodes ended without a word then, by the database's clock, and
    have not come back.
    """

    nodes: tuple[NodeSeen, ...]
    owners: Mapping[int, str]
    shards: int
    own: int
    ownerless: int
    ownerless_for: timedelta | None
    lease: timedelta
    lease_age: timedelta | None
    settings: int
    clock_ahead: timedelta
    changed_ago: timedelta | None
    takeovers: int
    gone: Mapping[str, datetime]


def overview(found: ClusterState, lease: Lease, nodes: Nodes, now: Reading) -> ClusterOverview:
    """Return the cluster as the last look has `found` it and lease and nodes have noted it."""
    alive = {each.term: each.node for each in nodes.alive(now)}
    owners = {each.shard: alive[each.term] for each in found.shards if _is_owned(each, alive) and each.term}
    number = Counter(each.term for each in found.shards if not each.ended)
    ownerless = [lease.unchanged_for(each.shard, now) for each in found.shards if each.shard not in owners]
    ages = [claim.age(now) for claim in lease.claims]
    changed_ago, looked = lease.changed_ago(now), nodes.looked_at() or now
    return ClusterOverview(
        nodes=tuple(
            _node(each, number[each.term], found.settings, lease.term, alive, _span(nodes.quiet_for(each.term, now)))
            for each in sorted(found.terms, key=lambda term: (term.node, term.began))
        ),
        owners=owners,
        shards=len(found.shards),
        own=len(lease.claims),
        ownerless=len(ownerless),
        ownerless_for=_span(max(ownerless)) if ownerless else None,
        lease=_span(lease.times.lease),
        lease_age=_span(max(ages)) if ages else None,
        settings=found.settings,
        clock_ahead=found.clock - datetime.fromtimestamp(looked.wall / 1e9, UTC),
        changed_ago=None if changed_ago is None else _span(changed_ago),
        takeovers=lease.takeovers,
        gone={each.node: each.since for each in found.gone},
    )


def _is_owned(shard: ShardState, alive: Mapping[str, str]) -> bool:
    return not shard.ended and shard.term in alive


def _node(
    term: TermState, shards: int, settings: int, own: str, alive: Mapping[str, str], quiet_for: timedelta
) -> NodeSeen:
    halted = term.figures.get(HALTED, 0)
    return NodeSeen(
        name=term.node,
        role=term.role,
        condition=_condition(term, shards, is_alive=term.term in alive),
        is_own=term.term == own,
        is_able=term.able,
        is_draining=term.draining,
        version=term.version,
        shards=shards,
        quiet_for=quiet_for,
        settings=term.settings,
        behind=term.settings < settings,
        halted=halted if isinstance(halted, int) else 0,
        began=term.began,
    )


def _condition(term: TermState, shards: int, *, is_alive: bool) -> NodeCondition:
    if not is_alive:
        return NodeCondition.SILENT
    if term.draining:
        return NodeCondition.DRAINING if shards else NodeCondition.DRAINED
    if not term.able:
        return NodeCondition.NOT_ABLE
    return NodeCondition.STANDBY if term.role == STANDBY and not shards else NodeCondition.WORKING


def _span(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds // 1000)
