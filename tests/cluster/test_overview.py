"""What people see of the nodes, made of what one of them has seen."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from engine.cluster.clocks import SECOND, Reading
from engine.cluster.lease import Lease
from engine.cluster.model import ClusterState, ShardState, TermState
from engine.cluster.nodes import Nodes
from engine.cluster.overview import ClusterOverview, NodeCondition, overview
from tests.cluster.test_nodes import TIMES, at, cluster_of, term

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Sight:
    """What node a sees, look by look."""

    def __init__(self) -> None:
        self.lease, self.nodes = Lease(TIMES), Nodes(TIMES.lease)
        self.lease.begin("term of a")
        self.found: ClusterState | None = None

    def look(self, found: ClusterState, second: float) -> None:
        self.found = found
        self.lease.look(found, at(second))
        self.nodes.look(found, at(second))

    def at(self, second: float) -> ClusterOverview:
        assert self.found is not None
        return overview(self.found, self.lease, self.nodes, at(second))


def test_each_node_is_shown_with_what_it_has_and_how_long_it_was_not_heard_of() -> None:
    sight = Sight()
    for second in range(12):
        a_itself = replace(term("a", second), settings=7, figures={"halted": 2})
        terms = (replace(term("b", 1), figures={"halted": "?"}), term("c", second, role="standby"), a_itself)
        sight.look(replace(cluster_of(*terms, owners=("a", "b", None, "a")), settings=8), second)
    sight.lease.told_take(0, at(9), at(9.1), 2)
    seen = sight.at(11.5)
    a, b, _ = seen.nodes
    assert [each.name for each in seen.nodes] == ["a", "b", "c"]
    assert [each.is_own for each in seen.nodes] == [True, False, False]
    assert [each.condition.value for each in seen.nodes] == ["working", "silent", "standby"]
    assert [each.shards for each in seen.nodes] == [2, 1, 0]
    assert (a.quiet_for, b.quiet_for) == (timedelta(seconds=0.5), timedelta(seconds=11.5))
    assert [(each.settings, each.behind) for each in (a, b)] == [(7, True), (0, True)]
    assert [each.halted for each in seen.nodes] == [2, 0, 0]
    assert seen.owners == {0: "a", 3: "a"}
    assert (seen.shards, seen.own, seen.ownerless) == (4, 1, 2)
    assert seen.ownerless_for == timedelta(seconds=11.5)
    assert seen.lease_age == timedelta(seconds=2.5)


@pytest.mark.parametrize(
    ("state", "shards", "expected"),
    [
        (term("a"), 1, NodeCondition.WORKING),
        (term("a"), 0, NodeCondition.WORKING),
        (term("a", role="standby"), 0, NodeCondition.STANDBY),
        (term("a", role="standby"), 1, NodeCondition.WORKING),
        (term("a", able=False), 1, NodeCondition.NOT_ABLE),
        (term("a", draining=True), 1, NodeCondition.DRAINING),
        (term("a", draining=True, able=False), 0, NodeCondition.DRAINED),
    ],
)
def test_the_condition_of_a_node_is_one_word(state: TermState, shards: int, expected: NodeCondition) -> None:
    sight = Sight()
    sight.look(cluster_of(state, owners=("a",) * shards), 0)
    assert sight.at(1).nodes[0].condition is expected


def test_shards_of_a_term_that_is_over_have_no_owner_although_its_node_runs_again() -> None:
    sight = Sight()
    again = replace(term("a", 3), term="another")
    ended = ShardState(0, "term of a", 1, 5, ended=True)
    sight.look(replace(cluster_of(again), shards=(ended, ShardState(1, "another", 1, 3, ended=False))), 0)
    seen = sight.at(0)
    assert (seen.owners, seen.ownerless, seen.nodes[0].shards) == ({1: "a"}, 1, 1)


def test_another_run_of_the_server_is_told_but_not_the_first_that_was_seen() -> None:
    sight = Sight()
    sight.look(cluster_of(term("a")), 0)
    assert sight.at(5).changed_ago is None
    sight.look(cluster_of(term("a"), incarnation="two"), 6)
    assert sight.at(10).changed_ago == timedelta(seconds=4)


def test_what_was_taken_of_nodes_that_had_gone_is_counted_but_not_what_was_free() -> None:
    sight = Sight()
    sight.look(cluster_of(term("a"), term("b"), owners=("b", None, "a")), 0)
    for shard in range(3):
        sight.lease.told_take(shard, at(1), at(1), 2)
    assert sight.at(1).takeovers == 1


def test_the_clock_of_the_database_is_compared_with_that_of_the_machine_when_it_was_asked() -> None:
    sight = Sight()
    asked = Reading(0, 0, int(NOON.timestamp()) * SECOND)
    found = replace(cluster_of(term("a")), clock=NOON + timedelta(seconds=2.5))
    sight.lease.look(found, asked)
    sight.nodes.look(found, asked)
    later = Reading(SECOND * 60, SECOND * 60, asked.wall + SECOND * 60)
    assert overview(found, sight.lease, sight.nodes, later).clock_ahead == timedelta(seconds=2.5)
