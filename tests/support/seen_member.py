"""A member of a cluster that has seen what a test says."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from engine.cluster.model import EndedTerm
from engine.cluster.overview import ClusterOverview, NodeCondition, NodeSeen
from engine.core.errors import Failure
from engine.server.cluster import ClusterAccess
from engine.store.errors import DatabaseAway

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
A = NodeSeen(
    name="a",
    role="share",
    condition=NodeCondition.WORKING,
    is_own=True,
    is_able=True,
    is_draining=False,
    version="1.0",
    shards=8,
    quiet_for=timedelta(seconds=0.4),
    settings=3,
    behind=False,
    halted=0,
    began=NINE,
)


def seen(ownerless: int = 0, ownerless_for: float | None = None, *others: NodeSeen) -> ClusterOverview:
    return ClusterOverview(
        nodes=(A, *others),
        owners=dict.fromkeys(range(8), "a"),
        shards=8,
        own=8,
        ownerless=ownerless,
        ownerless_for=None if ownerless_for is None else timedelta(seconds=ownerless_for),
        lease=timedelta(seconds=10),
        lease_age=timedelta(seconds=0.25),
        settings=3,
        clock_ahead=timedelta(seconds=-1.5),
        changed_ago=None,
        takeovers=0,
        gone={},
    )


@dataclass
class SeenMember:
    """Sees what is `found`; a node that is drained is so at once."""

    away: Failure | None = None
    away_for: timedelta | None = None
    term: str = "term"
    found: ClusterOverview | None = field(default_factory=seen)
    others: tuple[Failure, ...] = ()
    unfit: Failure | None = None
    halted: Failure | None = None
    told: list[str] = field(default_factory=list)
    place: str = "db.corp.example/calendar"

    @property
    def name(self) -> str:
        return "a"

    def resume(self) -> None:
        self.halted = None

    def overview(self) -> ClusterOverview | None:
        return self.found

    def problems(self) -> tuple[Failure, ...]:
        return (*(() if self.away is None else (self.away,)), *self.others)

    async def drain(self, node: str, *, is_draining: bool) -> bool:
        known = () if self.found is None else self.found.nodes
        if not any(each.name == node for each in known):
            return False
        condition = NodeCondition.DRAINED if is_draining else NodeCondition.WORKING
        nodes = (
            replace(each, is_draining=is_draining, condition=condition, shards=0) if each.name == node else each
            for each in known
        )
        self.found = None if self.found is None else replace(self.found, nodes=tuple(nodes))
        return True

    async def tell(self, what: Iterable[str]) -> None:
        self.told += what

    async def ended(self) -> tuple[EndedTerm, ...]:
        raise DatabaseAway


def access(member: SeenMember) -> ClusterAccess:
    return ClusterAccess(member, member, member)
