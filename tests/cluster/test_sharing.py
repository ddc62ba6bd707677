"""Shards of users, and the nodes that they are meant for."""

import itertools
from collections import Counter

import pytest

from engine.cluster.sharing import shard_of, targets

SHARDS = 64


def test_a_user_is_in_one_shard_however_the_guid_is_written() -> None:
    assert shard_of("0A1B2C", SHARDS) == shard_of("0a1b2c", SHARDS)
    # printf %s 0a1b2c | sha256sum | cut -c -16, modulo 64: all versions and nodes have to agree.
    assert shard_of("0a1b2c", SHARDS) == 0xC6CB1E1AE775B8FC % SHARDS


def test_users_are_spread_over_the_shards() -> None:
    in_each = Counter(shard_of(f"{number:032x}", SHARDS) for number in range(6400))
    assert len(in_each) == SHARDS
    assert max(in_each.values()) < 150


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 64, 70])
def test_shards_are_meant_for_all_nodes_alike(nodes: int) -> None:
    meant = targets([f"node-{number}" for number in range(nodes)], SHARDS)
    assert sorted(meant) == list(range(SHARDS))
    assert max(Counter(meant.values()).values()) <= -(-SHARDS // nodes)


def test_the_order_in_which_nodes_are_known_changes_nothing() -> None:
    assert len({tuple(targets(names, SHARDS).items()) for names in itertools.permutations("abcd")}) == 1


def test_few_shards_change_their_node_when_another_one_comes() -> None:
    two, three = targets(["a", "b"], SHARDS), targets(["a", "b", "c"], SHARDS)
    moved = [shard for shard in range(SHARDS) if three[shard] != two[shard]]
    to_others = [shard for shard in moved if three[shard] != "c"]
    assert 21 <= len(moved) <= 32
    assert len(to_others) <= 10


def test_without_a_node_nothing_is_meant_for_anybody() -> None:
    assert targets([], SHARDS) == {}
