"""Messages of the local API about engines that share their users."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.schema.common import Trouble

NodeRole = Literal["share", "standby"]
NodeCondition = Literal["working", "standby", "not able", "draining", "drained", "silent"]
"""It works for its users; has none as long as others can; cannot write now, as without its PBX link; hands over its
users, or has done so; or was not heard of for the time of a lease."""


class ClusterNode(msgspec.Struct, frozen=True, kw_only=True):
    """An engine by its name, as the one that answers sees it; `own` is that one itself.

    It works for the `users` of its `shards`, but does not write those of `halted` ones, which another program wrote as
    well. Its last beat was seen `quiet_seconds` ago. `settings` is the version in
    force on it, which is `behind` if there is a newer one.
    """

    name: str
    role: NodeRole
    condition: NodeCondition
    own: bool
    able: bool
    draining: bool
    version: str
    shards: int
    users: int
    quiet_seconds: float
    settings: int
    behind: bool
    halted: int = 0
    began: datetime


class ClusterDatabase(msgspec.Struct, frozen=True, kw_only=True):
    """The database that the engines share. While it does not answer, `since` then, nothing is written to the PBX.

    Its clock is `clock_ahead` seconds of that of the machine, which decides nothing. At `changed` another run of the
    server was seen, as after a restart or a fail-over.
    """

    place: str
    state: Literal["up", "slow", "away"]
    trouble: Trouble | None = None
    since: datetime | None = None
    clock_ahead: float | None = None
    changed: datetime | None = None


class ClusterState(msgspec.Struct, frozen=True, kw_only=True):
    """Engines that share their users, as the one named `node` sees them; `member` is false while it waits to be one.

    Of the `shards`, `own_shards` are its own, and `ownerless` ones nobody's, the first of them for `ownerless_seconds`.
    The database has confirmed its own ones `lease_age` seconds ago; others take them when they have seen nothing happen
    for `lease_seconds`. `takeovers` is how many shards it has taken of engines that had gone without a word. `settings`
    is the newest version.
    """

    node: str
    member: bool
    nodes: tuple[ClusterNode, ...]
    database: ClusterDatabase
    shards: int
    own_shards: int
    ownerless: int
    ownerless_seconds: float | None
    lease_seconds: float
    lease_age: float | None
    takeovers: int
    settings: int


class EndedTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A process that was a member from `began` to `ended`, by the clock of the database. It has left, or another one
    has noted that it is gone: `by` is the name of that node."""

    node: str
    began: datetime
    ended: datetime
    by: str | None
    by_itself: bool


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """The engines that share their users, without a `state` if this one works alone; and the members that have ended
    within the last day, the latest first."""

    is_member: bool
    state: ClusterState | None = None
    ended: tuple[EndedTerm, ...] = ()


class NodeQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The node that is meant, by its name; the one that answers if not given."""

    node: Annotated[str, Meta(max_length=63)] = ""
