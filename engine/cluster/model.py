"""What the database says of a cluster at one moment, as a look at it finds it, and what can be asked of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct


class ShardState(Struct, frozen=True):
    """A shard: the term that owns it, its token, and the beat of that term. None: nobody owns it."""

    shard: int
    term: str | None
    token: int
    beat: int
    ended: bool
    """Whether the owner's term is over."""


class TermState(Struct, frozen=True):
    """A term that is not over: one process's membership."""

    term: str
    node: str
    role: str
    able: bool
    draining: bool
    beat: int
    began: datetime
    seen: datetime
    version: str
    schema: int
    keys: tuple[str, ...]
    settings: int
    figures: Mapping[str, object]


class GoneNode(Struct, frozen=True):
    """A node whose process ended without a word, and which has not come back; `since` is the database's time."""

    node: str
    since: datetime


class ClusterState(Struct, frozen=True):
    """The cluster as one look found it. The database's times are shown to people, and decide nothing."""

    incarnation: str
    """Names the run of the server, and the tables: another after a restart, a fail-over or a restored backup."""
    clock: datetime
    settled: str
    """The incarnation that some node has seen for as long as a lease."""
    lease_seconds: int
    settings: int
    secrets: int
    terms: tuple[TermState, ...]
    shards: tuple[ShardState, ...]
    gone: tuple[GoneNode, ...] = ()


class EndedTerm(Struct, frozen=True):
    """A term that is over, by the database's clock, and the node that has ended it: usually its own."""

    node: str
    began: datetime
    ended: datetime
    by: str | None
    """None if that is not known any more."""
    by_itself: bool
    """Whether the process has ended its own term, so that nobody had to wait for its shards."""


class Report(Struct, frozen=True):
    """What a node tells the others of itself with each beat."""

    able: bool
    """Whether it can write: its PBX link is usable, and Exchange is not closed to it."""
    settings: int = 0
    """The version of the settings that are in force on it."""
    figures: Mapping[str, object] = {}


class Member(Struct, frozen=True):
    """What a process says of itself when it becomes a member."""

    node: str
    role: str
    version: str
    schema: int
    keys: tuple[str, ...] = ()
    """Names of the keys that it has, with which secrets are sealed."""


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
