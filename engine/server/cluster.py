"""What the API tells of a cluster, and changes in it."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

from engine.api.schema.cluster import (
    Cluster,
    ClusterDatabase,
    ClusterNode,
    ClusterState,
    EndedTerm,
    NodeRole,
)
from engine.cluster import model
from engine.cluster.overview import ClusterOverview, NodeSeen
from engine.cluster.requests import RESUME, ReadingKind, ReadingRequest
from engine.core.errors import Failure
from engine.server.convert import converted, trouble
from engine.server.errors import NodeGone, UsersWithoutNode
from engine.store.errors import DatabaseAway, DatabaseSlow, StoreFailure
from engine.sync.problems import Problem, Severity

WORTH_TELLING = timedelta(seconds=3)
"""How long the database does not answer before people are told: a slow answer, or a restart of the server."""

TAKEN_WITHIN = timedelta(seconds=10)
"""How long after a lease shards without an owner may stay so, as when engines start."""


class Member(Protocol):
    """The part of a membership that is needed here; see `Membership`."""

    @property
    def away(self) -> Failure | None:
        """Why the database was not reached last, None if it was."""
        ...

    @property
    def away_for(self) -> timedelta | None:
        """For how long it has not been reached."""
        ...

    @property
    def term(self) -> str:
        """The term of this process, empty while it is no member."""
        ...

    def overview(self) -> ClusterOverview | None:
        """Return the cluster as this node sees it, None before it has."""
        ...

    def problems(self) -> tuple[Failure, ...]:
        """Return what keeps this node from its work."""
        ...

    async def drain(self, node: str, *, is_draining: bool) -> bool:
        """Have a node give up all its shards, or let it have some again; return whether there is such a node."""
        ...


class OtherMembers(Protocol):
    """What the database tells of members that are over, and to those that are not."""

    @property
    def place(self) -> str:
        """Host and database."""
        ...

    async def ended(self) -> tuple[model.EndedTerm, ...]:
        """Return those of the last day, the latest first. Raises a `StoreFailure`."""
        ...

    async def tell(self, what: Iterable[str]) -> None:
        """Tell the other engines something that they need not hear. Raises a `StoreFailure`."""
        ...


class ThisNode(Protocol):
    """What is known of the process itself."""

    @property
    def name(self) -> str:
        """The name of the node."""
        ...

    @property
    def unfit(self) -> Failure | None:
        """Why it cannot be a member: its version and the database do not fit, or that could not be asked yet."""
        ...

    @property
    def halted(self) -> Failure | None:
        """Why some of its users are not written."""
        ...

    def resume(self) -> None:
        """Write all of them again."""
        ...


class ClusterAccess:
    """The cluster that `this` engine is a member of, or is to be."""

    def __init__(self, this: ThisNode, member: Member, others: OtherMembers) -> None:
        self._this = this
        self._member = member
        self._others = others
        self._ended: tuple[model.EndedTerm, ...] = ()
        self._since: datetime | None = None
        self._changed: datetime | None = None

    @property
    def node(self) -> str:
        """The name of this engine."""
        return self._this.name

    def state(self, users: Mapping[str, int], now: datetime) -> ClusterState:
        """Return the cluster as it is `now`, in calendar time; `users` are those of each node."""
        seen = self._member.overview()
        database = self._database(seen, now)
        if seen is None:
            return _unknown(self.node, database)
        return ClusterState(
            node=self.node,
            member=bool(self._member.term),
            nodes=tuple(_node(each, users) for each in seen.nodes),
            database=database,
            shards=seen.shards,
            own_shards=seen.own,
            ownerless=seen.ownerless,
            ownerless_seconds=_seconds(seen.ownerless_for),
            lease_seconds=seen.lease.total_seconds(),
            lease_age=_seconds(seen.lease_age),
            takeovers=seen.takeovers,
            settings=seen.settings,
        )

    async def whole(self, state: ClusterState) -> Cluster:
        """Return all that is known, with the members that have ended lately; without the database, those that were
        known last."""
        with suppress(StoreFailure):  # which the state tells of, if it lasts
            self._ended = await self._others.ended()
        return Cluster(is_member=True, state=state, ended=tuple(converted(each, EndedTerm) for each in self._ended))

    def problems(self) -> tuple[Problem, ...]:
        """Return what keeps this engine, or all of them, from their work."""
        away, seen = self._away(), self._member.overview()
        found = [Problem(away, Severity.DEGRADED if isinstance(away, DatabaseSlow) else Severity.DOWN)] if away else []
        others = (each for each in self._member.problems() if each is not self._member.away)
        found += [Problem(each, Severity.DOWN) for each in others]
        if (halted := self._this.halted) is not None:
            found.append(Problem(halted, Severity.WRONG_PRESENCE))
        if seen is not None and away is None:
            gone = (f"{node}, since {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for node, at in seen.gone.items())
            found += (Problem(NodeGone(each), Severity.DEGRADED) for each in gone)
        if seen is not None and away is None and (seen.ownerless_for or timedelta()) > seen.lease + TAKEN_WITHIN:
            failure = UsersWithoutNode(f"{seen.ownerless} of {seen.shards} shards")
            found.append(Problem(failure, Severity.WRONG_PRESENCE))
        return tuple(found)

    async def drain(self, node: str, *, is_draining: bool) -> bool:
        """Have a node give up all its shards, or let it have some again; return whether there is such a node.

        Raises a `StoreFailure`.
        """
        return await self._member.drain(node, is_draining=is_draining)

    async def resume(self, node: str) -> bool:
        """Have a node write again for all of its shards; return whether there is such a node. Raises a `StoreFailure`.

        Another one hears of it only while it listens to the database.
        """
        if node == self.node:
            self._this.resume()
            return True
        seen = self._member.overview()
        if seen is None or all(each.name != node for each in seen.nodes):
            return False
        await self._others.tell((f"{RESUME}{node}",))
        return True

    async def ask(self, kind: ReadingKind, guids: Collection[str] | None) -> None:
        """Ask the other engines to read the calendars of these users, or of all, as far as each works for them.

        Raises a `StoreFailure`.
        """
        await self._others.tell(ReadingRequest(self.node, kind, guids).notices())

    def _away(self) -> Failure | None:
        """Return why the database cannot be used, if that is so for long enough. What is slow for longer than claims
        last is as good as away."""
        if (unfit := self._this.unfit) is not None:
            return unfit
        failure, away_for, seen = self._member.away, self._member.away_for, self._member.overview()
        if failure is None or away_for is None or away_for < WORTH_TELLING:
            return None
        if isinstance(failure, DatabaseSlow) and (seen is None or away_for >= seen.lease * 7 / 10):
            return DatabaseAway(failure.detail)
        return failure

    def _database(self, seen: ClusterOverview | None, now: datetime) -> ClusterDatabase:
        away, away_for = self._away(), self._member.away_for
        self._since = _same(self._since, None if away_for is None or away is None else now - away_for)
        changed_ago = None if seen is None else seen.changed_ago
        self._changed = _same(self._changed, None if changed_ago is None else now - changed_ago)
        return ClusterDatabase(
            place=self._others.place,
            state="up" if away is None else "slow" if isinstance(away, DatabaseSlow) else "away",
            trouble=None if away is None else trouble(away),
            since=self._since,
            clock_ahead=None if seen is None else round(seen.clock_ahead.total_seconds(), 3),
            changed=self._changed,
        )


def _node(seen: NodeSeen, users: Mapping[str, int]) -> ClusterNode:
    return ClusterNode(
        name=seen.name,
        role=cast("NodeRole", seen.role),
        condition=seen.condition.value,
        own=seen.is_own,
        able=seen.is_able,
        draining=seen.is_draining,
        version=seen.version,
        shards=seen.shards,
        users=users.get(seen.name, 0),
        quiet_seconds=round(seen.quiet_for.total_seconds(), 3),
        settings=seen.settings,
        behind=seen.behind,
        halted=seen.halted,
        began=seen.began,
    )


def _unknown(node: str, database: ClusterDatabase) -> ClusterState:
    """Return what is known before the database was reached."""
    return ClusterState(
        node=node,
        member=False,
        nodes=(),
        database=database,
        shards=0,
        own_shards=0,
        ownerless=0,
        ownerless_seconds=None,
        lease_seconds=0,
        lease_age=None,
        takeovers=0,
        settings=0,
    )


def _same(before: datetime | None, now: datetime | None) -> datetime | None:
    """Return the instant as it was told before, unless it is another one: it is counted back by two clocks."""
    return before if before is not None and now is not None and abs(now - before) < timedelta(seconds=2) else now


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
