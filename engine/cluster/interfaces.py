"""What a membership works with: the database of the leases, and the part of the engine that it tells."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from engine.cluster.model import ClusterState, Member, Report, ShardState, TermState


class LeaseDatabase(Protocol):
    """The statements of the lease protocol. Each raises a `Failure` when it is not answered in time."""

    async def look(self) -> ClusterState:
        """Return the cluster as it is now."""
        ...

    async def begin(self, me: str, member: Member, over: Sequence[TermState], incarnation: str) -> bool:
        """Begin a term, and return whether it has begun."""
        ...

    async def beat(self, me: str, report: Report) -> Mapping[int, int] | None:
        """Go on with a term, and return its shards with their tokens, None if it is over."""
        ...

    async def take(self, me: str, incarnation: str, seen: ShardState, above: int) -> int | None:
        """Take a shard that is as it was seen, and return its new token, which is above all that is known."""
        ...

    async def release(self, me: str, shard: int, token: int) -> None:
        """Leave a shard to others."""
        ...

    async def settle(self, incarnation: str) -> None:
        """Note that an incarnation was seen for as long as a lease."""
        ...

    async def end_silent(self, me: str, over: Sequence[TermState], incarnation: str) -> None:
        """End terms of others that are as they were seen."""
        ...

    async def end(self, me: str) -> None:
        """End a term."""
        ...

    async def drain(self, node: str, is_draining: bool) -> bool:
        """Have a node give up all its shards, or let it have some again; return whether there is such a node."""
        ...


class Holder(Protocol):
    """The part of the engine that works for the users of this node."""

    def taken(self, shards: Collection[int]) -> None:
        """Begin to work for these shards, whose presences are to be asked of the PBX before anything is sent."""
        ...

    def lost(self, shards: Collection[int]) -> None:
        """Work for these shards no more: they are another node's, or given up. A claim that ran out is no loss yet."""
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
