"""What a node makes of what it sees of the others: who is alive, who is able, and what to give up."""

from msgspec.structs import replace

from engine.cluster.allocation import Allocation
from engine.cluster.clocks import SECOND, Reading
from engine.cluster.lease import Lease, LeaseTimes
from engine.cluster.model import ClusterState, ShardState, TermState
from engine.cluster.nodes import Ability, Nodes
from tests.cluster.lease_world import BEGAN

TIMES = LeaseTimes.of(10)


def at(seconds: float) -> Reading:
    return Reading(*[int(seconds * SECOND)] * 3)


def term(name: str, beat: int = 0, *, able: bool = True, draining: bool = False, role: str = "share") -> TermState:
    return TermState(f"term of {name}", name, role, able, draining, beat, BEGAN, BEGAN, "1.0", 1, (), 0, {})


def cluster_of(*terms: TermState, owners: tuple[str | None, ...] = (), incarnation: str = "one") -> ClusterState:
    beats = {each.term: each.beat for each in terms}
    shards = tuple(
        ShardState(number, owner and f"term of {owner}", 1, beats.get(f"term of {owner}", 0), False)
        for number, owner in enumerate(owners)
    )
    return ClusterState(incarnation, BEGAN, incarnation, 10, 0, 0, terms, shards)


def names(terms: object) -> list[str]:
    assert isinstance(terms, list)
    return [each.node for each in terms]


def test_a_node_is_alive_while_its_beat_goes_on() -> None:
    nodes = Nodes(TIMES.lease)
    for second in range(11):
        nodes.look(cluster_of(term("a", second), term("b", 1)), at(second))
    assert (names(nodes.alive(at(10))), names(nodes.silent(at(10)))) == (["a"], ["b"])
    assert nodes.beat_was_seen("term of a")
    assert not nodes.beat_was_seen("term of b")
    nodes.look(cluster_of(term("b", 1), incarnation="two"), at(11))
    assert names(nodes.alive(at(11))) == ["b"]


def test_after_looks_were_missed_everybody_has_time_to_come_back() -> None:
    for is_missed, is_alive in ((True, True), (False, False)):  # a process that stood still has missed none
        nodes = Nodes(TIMES.lease)
        nodes.look(cluster_of(term("a")), at(0))
        nodes.look(cluster_of(term("a")), at(1))
        if is_missed:
            nodes.missed()
        nodes.look(cluster_of(term("a")), at(12))
        assert bool(nodes.alive(at(12))) is is_alive
        nodes.look(cluster_of(term("a")), at(16.5))
        assert bool(nodes.alive(at(16.5))) is is_alive
        assert not nodes.alive(at(17))


def test_one_look_that_was_missed_gives_nobody_time() -> None:
    nodes = Nodes(TIMES.lease)
    for second in range(11):
        nodes.look(cluster_of(term("a")), at(second))
        nodes.missed()
    assert not nodes.alive(at(10))


def test_how_long_a_node_is_able_begins_anew_after_each_trouble() -> None:
    nodes = Nodes(TIMES.lease)
    nodes.look(cluster_of(term("a", 0)), at(0))
    nodes.look(cluster_of(term("a", 1)), at(1))
    assert nodes.able_for("term of a", at(2)) == 2 * SECOND
    nodes.look(cluster_of(term("a", 2, able=False)), at(2))
    assert nodes.able_for("term of a", at(2.5)) == 0
    nodes.look(cluster_of(term("a", 3)), at(3))
    assert nodes.able_for("term of a", at(4)) == SECOND
    assert nodes.able_for("nobody", at(4)) == 0


def test_shards_are_for_nodes_that_share_and_else_for_those_on_standby() -> None:
    nodes = Nodes(TIMES.lease)
    standby = term("s", role="standby")
    nodes.look(cluster_of(term("a"), term("b", able=False), term("c", draining=True), standby), at(0))
    assert names(nodes.takers(at(0))) == ["a"]
    nodes.look(cluster_of(term("b", able=False), standby), at(1))
    assert names(nodes.takers(at(1))) == ["s"]


def test_a_short_trouble_is_not_told() -> None:
    ability = Ability()
    assert not ability.told(False, at(0))
    assert ability.told(True, at(1))  # the first time at once
    assert ability.told(False, at(2))
    assert ability.told(True, at(16))
    assert ability.told(False, at(17))
    assert ability.told(False, at(31.5))
    assert not ability.told(False, at(32))
    assert not ability.told(True, at(33))
    assert not ability.told(True, at(92.5))
    assert ability.told(True, at(93))


def test_a_shard_that_was_just_released_is_not_given_up_once_more_because_of_an_earlier_look() -> None:
    lease, nodes = Lease(TIMES), Nodes(TIMES.lease)
    allocation = Allocation(lease, nodes)
    me = replace(term("a"), draining=True)
    lease.begin(me.term)
    found = cluster_of(me, term("b"), owners=("a",) * 24)
    for each in (lease, nodes, allocation):
        each.look(found, at(0))
    assert allocation.to_give_up(me, at(0)) == [0, 1, 2]
    lease.give_up(0, at(0))
    lease.released(0)
    allocation.released(0)
    assert allocation.to_give_up(me, at(0)) == [1, 2]
    allocation.look(found, at(1))  # as after a restored backup
    assert allocation.to_give_up(me, at(1)) == [0, 1, 2]
