"""What the API tells of a cluster, and changes in it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
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
from engine.cluster.requests import ReadingKind, ReadingRequest
from engine.core.errors import Failure
from engine.server.convert import converted, trouble
from engine.server.errors import UsersWithoutNode
from engine.store.errors import DatabaseAway, DatabaseSlow, StoreFailure
from engine.sync.problems import Problem, Severity

WORTH_TELLING = timedelta(seconds=3)
"""How long the database does not answer before people are told: a slow answer, or a restart of the server."""

TAKEN_WITHIN = timedelta(seconds=10)
"""How long after a lease shards without an owner may stay so, as when engines start."""


class Member(Protocol):
    """The part of a membership that is needed here; see `Membership`."""

    @property
    def away(self) -> Failure | None: ...  # noqa: D102
    @property
    def away_for(self) -> timedelta | None: ...  # noqa: D102
    @property
    def term(self) -> str: ...  # noqa: D102
    def overview(self) -> ClusterOverview | None: ...  # noqa: D102
    def problems(self) -> tuple[Failure, ...]: ...  # noqa: D102
    async def drain(self, node: str, *, is_draining: bool) -> bool: ...  # noqa: D102


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


class ClusterAccess:
    """The cluster that the engine named `node` is a member of, or cannot become one because it is `unfit`: its version
    and the database do not fit, as far as that could be asked."""

    def __init__(self, node: str, member: Member, others: OtherMembers, unfit: Callable[[], Failure | None]) -> None:
        self.node = node
        self._member = member
        self._others = others
        self._unfit = unfit
        self._ended: tuple[model.EndedTerm, ...] = ()

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
        if seen is not None and away is None and (seen.ownerless_for or timedelta()) > seen.lease + TAKEN_WITHIN:
            failure = UsersWithoutNode(f"{seen.ownerless} of {seen.shards} shards")
            found.append(Problem(failure, Severity.WRONG_PRESENCE))
        return tuple(found)

    async def drain(self, node: str, *, is_draining: bool) -> bool:
        """Have a node give up all its shards, or let it have some again; return whether there is such a node.

        Raises a `StoreFailure`.
        """
        return await self._member.drain(node, is_draining=is_draining)

    async def ask(self, kind: ReadingKind, guids: Collection[str] | None) -> None:
        """Ask the other engines to read the calendars of these users, or of all, as far as each works for them.

        Raises a `StoreFailure`.
        """
        await self._others.tell(ReadingRequest(self.node, kind, guids).notices())

    def _away(self) -> Failure | None:
        """Return why the database cannot be used, if that is so for long enough. What is slow for longer than claims
        last is as good as away."""
        if (unfit := self._unfit()) is not None:
            return unfit
        failure, away_for, seen = self._member.away, self._member.away_for, self._member.overview()
        if failure is None or away_for is None or away_for < WORTH_TELLING:
            return None
        if isinstance(failure, DatabaseSlow) and (seen is None or away_for >= seen.lease * 7 / 10):
            return DatabaseAway(failure.detail)
        return failure

    def _database(self, seen: ClusterOverview | None, now: datetime) -> ClusterDatabase:
        away, away_for = self._away(), self._member.away_for
        return ClusterDatabase(
            place=self._others.place,
            state="up" if away is None else "slow" if isinstance(away, DatabaseSlow) else "away",
            trouble=None if away is None else trouble(away),
            since=None if away_for is None or away is None else now - away_for,
            clock_ahead=None if seen is None else round(seen.clock_ahead.total_seconds(), 3),
            changed=None if seen is None or seen.changed_ago is None else now - seen.changed_ago,
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


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
