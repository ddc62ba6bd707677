"""Which shard a user belongs to, and which node each shard is meant for. All nodes compute the same."""

import hashlib
from collections.abc import Collection


def shard_of(guid: str, shards: int) -> int:
    """Return the shard of a user, which the letter case of the guid does not change."""
    return int.from_bytes(hashlib.sha256(guid.lower().encode()).digest()[:8], "big") % shards


def targets(nodes: Collection[str], shards: int) -> dict[int, str]:
    """Return the node that each shard is meant for: evenly, and with few changes when a node comes or goes.

    Each shard, in the order of their numbers, goes to the node that ranks highest for it and is not full (rendezvous
    hashing).
    """
    if not nodes:
        return {}
    most = -(-shards // len(nodes))
    free = dict.fromkeys(nodes, most)
    meant: dict[int, str] = {}
    for shard in range(shards):
        best = max((node for node, places in free.items() if places), key=lambda node: _rank(shard, node))
        meant[shard] = best
        free[best] -= 1
    return meant


def _rank(shard: int, node: str) -> bytes:
    return hashlib.sha256(f"{shard} {node}".encode()).digest()
