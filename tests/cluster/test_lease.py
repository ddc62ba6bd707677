"""The rules of the lease: at any moment one node at most may write for a shard, whatever happens.

LEASE_EXAMPLES=1000 tries more histories than `make test` has.
"""

import os
import random

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.cluster.lease_world import World

EXAMPLES = int(os.environ.get("LEASE_EXAMPLES", "50"))


def small_world(broken: str = "") -> World:
    """Two nodes, of which the first has a shard, and a lease of three ticks."""
    return World(2, 1, lease=3, claim=2, under_way=1, broken=broken)


def carry_out(world: World, history: str) -> None:
    """Do what a history says, one move a line, and judge after each. A node may refuse a move by its rules."""
    for words in (line.strip() for line in history.strip().splitlines()):
        moves = {name: act for _, name, act in world.moves()}
        if words not in moves:
            return
        moves[words]()
        world.judge()


BY_WHICH_A_RULE_IS_NEEDED = {
    "sent": """
        0 sends a beat
        0's beat is executed
        1 looks
        tick
        0 is told of its beat
        tick
        tick
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
    "unbroken": """
        0 gives 0 up
        tick
        0 sends a release of 0
        0 gives up its release
        0 sends a beat
        0's beat is executed
        0 is told of its beat
        what was given up is executed
        1 looks
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
    "margin": """
        0 sends a beat
        0's beat is executed
        0 is told of its beat
        1 looks
        tick
        tick
        tick
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
    "token": """
        1 looks
        tick
        tick
        tick
        0 looks
        0 sends a take of 0
        0's take is executed
        0 is told of its take
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
    "incarnation": """
        1 looks
        tick
        tick
        tick
        1 sends a take of 0
        the replica falls behind
        1's take is executed
        1 is told of its take
        fail-over
        0 looks
        0 sends a take of 0
        0's take is executed
        0 is told of its take
    """,
    "token of a release": """
        0 gives 0 up
        tick
        0 looks
        0 sends a release of 0
        0 gives up its release
        0 sends a take of 0
        0's take is executed
        0 is told of its take
        what was given up is executed
        1 looks
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
    "tokens that were known": """
        the replica falls behind
        tick
        tick
        0 looks
        0 sends a take of 0
        0's take is executed
        0 is told of its take
        fail-over
        0 looks
        1 looks
        0 gives 0 up
        tick
        0 sends a release of 0
        0 gives up its release
        tick
        tick
        0 sends a take of 0
        0's take is executed
        0 is told of its take
        what was given up is executed
        1 looks
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
    "wait at release": """
        0 gives 0 up
        0 sends a release of 0
        0's release is executed
        1 looks
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
    "waiter's clock": """
        the database's clock is set
        1 looks
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
    "holder's clock": """
        0 is suspended
        1 looks
        tick
        tick
        tick
        1 sends a take of 0
        1's take is executed
        1 is told of its take
    """,
}
"""For each rule the shortest history, as the model of the protocol found it, that breaks I1 without that rule."""


@pytest.mark.parametrize("rule", BY_WHICH_A_RULE_IS_NEEDED)
def test_each_rule_is_needed(rule: str) -> None:
    carry_out(small_world(), BY_WHICH_A_RULE_IS_NEEDED[rule])
    with pytest.raises(AssertionError, match="may write for 0"):
        carry_out(small_world(broken=rule), BY_WHICH_A_RULE_IS_NEEDED[rule])


class Leases(RuleBasedStateMachine):
    """Two or three nodes share two shards while everything happens that may happen."""

    @initialize(nodes=st.integers(2, 3))
    def begin(self, nodes: int) -> None:
        self.world = World(nodes, 2, lease=10, claim=7, under_way=2)

    @rule(seed=st.integers(0, 2**32))
    def go_on(self, seed: int) -> None:
        """Twenty steps: a choice of the library costs more than they do."""
        rng = random.Random(seed)
        for _ in range(20):
            one_step(self.world, rng)


def one_step(world: World, rng: random.Random) -> None:
    moves = list(world.moves())
    ((_, name, act),) = rng.choices(moves, [each[0] for each in moves])
    note(name)
    act()
    world.judge()


TestLeases = pytest.mark.slow(Leases.TestCase)
TestLeases.settings = settings(max_examples=EXAMPLES, stateful_step_count=20)
