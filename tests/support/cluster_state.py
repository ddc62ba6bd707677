"""A cluster as the API tells of it: two nodes at work, and one that is silent."""

from datetime import UTC, datetime, timedelta

from engine.api.schema.cluster import ClusterDatabase, ClusterNode, ClusterState

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def node(name: str, **changes: object) -> ClusterNode:
    fields: dict[str, object] = {
        "name": name,
        "role": "share",
        "condition": "working",
        "own": False,
        "able": True,
        "draining": False,
        "version": "1.2.0",
        "shards": 32,
        "users": 13,
        "quiet_seconds": 0.4,
        "settings": 42,
        "behind": False,
        "began": NINE - timedelta(hours=3),
    }
    return ClusterNode(**(fields | changes))  # type: ignore[arg-type]


A, B = node("a", own=True), node("b", shards=31, users=12, quiet_seconds=1.2)
SILENT = node("c", condition="silent", shards=1, users=1, quiet_seconds=14, settings=41, behind=True)
UP = ClusterDatabase(place="db.corp.example/calendar", state="up", clock_ahead=0.02)


def cluster_state(*nodes: ClusterNode, **changes: object) -> ClusterState:
    fields: dict[str, object] = {
        "node": "a",
        "member": True,
        "nodes": nodes or (A, B),
        "database": UP,
        "shards": 64,
        "own_shards": 32,
        "ownerless": 0,
        "ownerless_seconds": None,
        "lease_seconds": 10.0,
        "lease_age": 0.4,
        "takeovers": 0,
        "settings": 42,
    }
    return ClusterState(**(fields | changes))  # type: ignore[arg-type]
