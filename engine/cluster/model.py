"""What the database says of a cluster at one moment, as a look at it finds it."""

from collections.abc import Mapping
from datetime import datetime

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
