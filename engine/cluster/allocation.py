"""Which shards a node takes and which it gives up, so that all who can share them evenly and few change hands.

Whether a shard *may* be taken is decided by the lease alone. This only chooses among those that may.
"""

from collections.abc import Collection

from engine.cluster.clocks import SECOND, Reading, passed_for_waiter
from engine.cluster.lease import Lease
from engine.cluster.model import ClusterState, TermState
from engine.cluster.nodes import SHARE, STANDBY, Nodes
from engine.cluster.sharing import targets

LEFT_FREE = 2 * SECOND
"""How long a shard is left to the node that it is meant for, before any other takes it."""

STOOD_STILL = 5 * SECOND
"""How long the nodes are the same before shards change hands for evenness alone."""

SHARES_AGAIN = 60 * SECOND
"""How long a node that shares has to be able before one on standby gives back what it has."""


class Allocation:
    """The choice of one node, whose term and role the lease and `me` tell."""

    def __init__(self, lease: Lease, nodes: Nodes) -> None:
        self._lease = lease
        self._nodes = nodes
        self._shards = 0
        self._free_since: dict[int, Reading] = {}
        self._released: set[int] = set()
        self._meant: dict[int, str] = {}
        self._meant_for: frozenset[str] = frozenset()

    def look(self, found: ClusterState, now: Reading) -> None:
        """Take note of what was found, after the lease and the nodes have."""
        self._shards = len(found.shards)
        may_be_taken = [each.shard for each in found.shards if self._lease.may_take(each.shard, now)]
        self._free_since = {shard: self._free_since.get(shard, now) for shard in may_be_taken}
        self._released = {each.shard for each in found.shards if each.term is None} & self._released
        names = frozenset(each.node for each in self._nodes.takers(now))
        if names != self._meant_for or len(self._meant) != (self._shards if names else 0):
            self._meant_for, self._meant = names, targets(names, self._shards)

    def to_take(self, me: TermState, now: Reading) -> list[int]:
        """Return the shards that this node should take."""
        if not me.able or me.draining:
            return []
        return [
            shard
            for shard, since in self._free_since.items()
            if shard not in self._lease.given_up
            and not self._owner_is_alive(shard, now)
            and (self._meant.get(shard) == me.node or passed_for_waiter(since, now) >= LEFT_FREE)
        ]

    def to_give_up(self, me: TermState, now: Reading) -> list[int]:
        """Return the shards of this node that others should have, a few at a time."""
        foreign = [shard for shard in self._owned() if self._meant.get(shard, me.node) != me.node]
        if not foreign or not self._others_turn(me, now):
            return []
        under_way = len(self._lease.given_up) + len(self._released)
        return foreign[: max(0, max(1, self._shards // 8) - under_way)]

    def to_leave(self) -> list[int]:
        """Return all shards of this node, which is about to stop."""
        return self._owned()

    def released(self, shard: int) -> None:
        """Take note that a shard was released; until somebody has taken it, it counts as under way."""
        self._released.add(shard)

    def _owner_is_alive(self, shard: int, now: Reading) -> bool:
        """Return whether the owner may be back soon: after the database was away, nobody's beat has gone on."""
        owner = self._lease.seen(shard).term
        return owner != self._lease.term and any(each.term == owner for each in self._nodes.alive(now))

    def _owned(self) -> list[int]:
        """Return the shards that the database has as ours, whether there is still a claim or not."""
        ours = {claim.shard for claim in self._lease.claims}
        rows = {shard for shard in range(self._shards) if self._lease.seen(shard).term == self._lease.term}
        return sorted((ours | rows) - set(self._lease.given_up) - self._released)

    def _others_turn(self, me: TermState, now: Reading) -> bool:
        """Return whether it is time to give up what is meant for others: there are some who can."""
        if me.draining or not me.able:
            return True
        if me.role == STANDBY:
            takers: Collection[TermState] = self._nodes.takers(now)
            is_share = any(each.role == SHARE for each in takers)
            if is_share and max(self._nodes.able_for(each.term, now) for each in takers) < SHARES_AGAIN:
                return False
        return self._nodes.unchanged_for(now) >= STOOD_STILL
