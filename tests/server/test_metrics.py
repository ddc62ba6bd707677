"""The metrics keep their names, types and labels, on which dashboards and alerts depend."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from engine.api.schema import LinkState, Status
from engine.server.metrics import Counters, exposition
from engine.server.process_health import LoopLag
from tests.support.cluster_state import SILENT, A, B, cluster_state

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PREFIX = "calendar_engine_"
KINDS = {
    "info": "gauge",
    "start_time_seconds": "gauge",
    "link_up": "gauge",
    "users": "gauge",
    "refused_presences": "gauge",
    "expires_in_seconds": "gauge",
    "dry_run": "gauge",
    "live_users": "gauge",
    "withheld_presences": "gauge",
    "left_presences": "gauge",
    "presences_set": "counter",
    "calendar_visits": "counter",
    "link_troubles": "counter",
    "user_troubles": "counter",
    "event_listeners": "gauge",
    "event_listeners_cut_off": "counter",
    "answers_cut_off": "counter",
    "connections_cut": "counter",
    "accepts_failed": "counter",
    "requests_not_understood": "counter",
    "open_files": "gauge",
    "open_files_limit": "gauge",
    "loop_lag_seconds": "histogram",
    "loop_lag_longest_seconds": "gauge",
    "oldest_reading_age_seconds": "gauge",
}
OF_THE_CLUSTER = {
    "cluster_database_up": "gauge",
    "cluster_member": "gauge",
    "cluster_nodes": "gauge",
    "cluster_shards": "gauge",
    "cluster_shards_owned": "gauge",
    "cluster_shards_without_owner": "gauge",
    "cluster_shards_halted": "gauge",
    "cluster_takeovers": "counter",
    "cluster_settings_behind": "gauge",
    "cluster_lease_age_seconds": "gauge",
}


def status(staleness: float | None) -> Status:
    return Status(
        version='1"\\',
        now=NINE,
        started=NINE,
        timezone="Europe/Berlin",
        links=(LinkState(name="PBX", works=True, since=NINE), LinkState(name="Exchange", works=False, since=NINE)),
        users=7,
        resolved=4,
        watched=3,
        unread=2,
        unresolved=1,
        refused=5,
        oldest_reading=None,
        staleness=staleness,
        concerns=(),
        dry_run=True,
        withheld=6,
        open_files=8,
        open_files_limit=1024,
    )


@pytest.mark.parametrize("staleness", [None, 3.25])
def test_every_figure_has_its_name(staleness: float | None) -> None:
    counters, lag = Counters(), LoopLag()
    counters.visits.update({"read": 11, "failed": 12})
    counters.presences, counters.accepts_failed = 13, 14
    for late in (0.003, 0.003, 7.5):
        lag.note(100.0, late)
    families = {
        each.name: each
        for each in text_string_to_metric_families(exposition(status(staleness), counters, 2, lag).decode())
    }
    kinds = {name.removeprefix(PREFIX): each.type for name, each in families.items()}
    assert kinds == {name: kind for name, kind in KINDS.items() if staleness or not name.startswith("oldest")}
    samples = {
        (each.name.removeprefix(PREFIX), *each.labels.values()): each.value
        for family in families.values()
        for each in family.samples
    }
    expected = {
        ("info", '1"\\'): 1,
        ("start_time_seconds",): NINE.timestamp(),
        ("link_up", "PBX"): 1,
        ("link_up", "Exchange"): 0,
        ("users", "resolved"): 4,
        ("users", "unread"): 2,
        ("users", "unresolved"): 1,
        ("refused_presences",): 5,
        ("dry_run",): 1,
        ("withheld_presences",): 6,
        ("presences_set_total",): 13,
        ("calendar_visits_total", "read"): 11,
        ("calendar_visits_total", "failed"): 12,
        ("link_troubles_total", "PBX"): 0,
        ("event_listeners",): 2,
        ("accepts_failed_total",): 14,
        ("open_files",): 8,
        ("open_files_limit",): 1024,
        ("loop_lag_seconds_bucket", "0.001"): 0,
        ("loop_lag_seconds_bucket", "0.005"): 2,
        ("loop_lag_seconds_bucket", "5.0"): 2,
        ("loop_lag_seconds_bucket", "+Inf"): 3,
        ("loop_lag_seconds_count",): 3,
        ("loop_lag_seconds_sum",): 7.506,
        ("loop_lag_longest_seconds",): 7.5,
    }
    assert expected.items() <= samples.items()
    assert samples.get(("oldest_reading_age_seconds",)) == staleness


def test_an_engine_that_shares_its_users_tells_of_the_others() -> None:
    behind = replace(A, settings=40, behind=True, halted=3)
    state = cluster_state(behind, B, SILENT, ownerless=1, ownerless_seconds=3.0, takeovers=31)
    text = exposition(replace(status(None), cluster=state), Counters(), 2, LoopLag()).decode()
    families = {each.name.removeprefix(PREFIX): each for each in text_string_to_metric_families(text)}
    assert {name: each.type for name, each in families.items() if name.startswith("cluster")} == OF_THE_CLUSTER
    samples = {
        (each.name.removeprefix(f"{PREFIX}cluster_"), *each.labels.values()): each.value
        for family in families.values()
        for each in family.samples
    }
    assert (
        samples.items()
        >= {
            ("database_up",): 1,
            ("member",): 1,
            ("nodes", "working"): 2,
            ("nodes", "silent"): 1,
            ("nodes", "draining"): 0,
            ("shards",): 64,
            ("shards_owned",): 32,
            ("shards_without_owner",): 1,
            ("shards_halted",): 3,
            ("takeovers_total",): 31,
            ("settings_behind",): 2,
            ("lease_age_seconds",): 0.4,
        }.items()
    )
