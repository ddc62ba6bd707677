"""Metrics in the Prometheus text format, without labels that name persons."""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import isinf
from typing import get_args

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.api.schema import Status
from engine.api.schema.cluster import ClusterState, NodeCondition
from engine.server.process_health import LoopLag
from engine.sync.events import CalendarRead, ConnectionLost, Event, PresenceConfirmed, UserTrouble

PREFIX = "calendar_engine_"


class Counters:
    """Counters of events since the start."""

    def __init__(self) -> None:
        self.presences = 0
        self.visits: Counter[str] = Counter({"read": 0, "failed": 0})
        self.link_troubles: Counter[str] = Counter({"PBX": 0, "Exchange": 0})
        self.user_troubles = 0
        self.listeners_cut_off = 0
        self.answers_cut_off = 0
        self.connections_cut = 0
        self.accepts_failed = 0
        self.requests_not_understood = 0

    def note(self, event: Event) -> None:
        """Count one event."""
        match event:
            case PresenceConfirmed():
                self.presences += 1
            case CalendarRead(failure=failure):
                self.visits["failed" if failure else "read"] += 1
            case ConnectionLost(side):
                self.link_troubles[side.value] += 1
            case UserTrouble():
                self.user_troubles += 1
            case _:
                pass


class _Figures(Collector):
    """Collector of all metrics."""

    def __init__(self, status: Status, counters: Counters, listeners: int, lag: LoopLag) -> None:
        self._status = status
        self._counters = counters
        self._listeners = listeners
        self._lag = lag

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, as prometheus_client asks for them."""
        status, counters, lag = self._status, self._counters, self._lag
        users = {"resolved": status.resolved, "unread": status.unread, "unresolved": status.unresolved}
        yield _gauge("info", "Running version.", {status.version: 1}, "version")
        yield _gauge("start_time_seconds", "Calendar time of the start.", round(status.started.timestamp(), 3))
        yield _gauge("link_up", "Whether a connection works.", {link.name: link.works for link in status.links}, "link")
        yield _gauge("users", "Users that take part.", users, "state")
        yield _gauge("refused_presences", "Users whose presence the PBX refused.", status.refused)
        left: dict[str, float] = {each.what: (each.ends - status.now).total_seconds() for each in status.expiries}
        yield _gauge("expires_in_seconds", "Time until a certificate or secret expires.", left, "what")
        yield _gauge("dry_run", "Whether nothing is written to the PBX.", status.dry_run)
        yield _gauge("live_users", "Users whose presences are written to the PBX.", status.live)
        yield _gauge("withheld_presences", "Presences that would differ but are not written.", status.withheld)
        yield _gauge("left_presences", "Presences in the PBX that are not updated any more.", status.left)
        yield _counter("presences_set", "Presences that the PBX confirmed.", counters.presences)
        yield _counter("calendar_visits", "Calendars visited.", counters.visits, "result")
        yield _counter("link_troubles", "Failures of a connection.", counters.link_troubles, "link")
        yield _counter("user_troubles", "Failures of single users.", counters.user_troubles)
        yield _gauge("event_listeners", "Open event streams.", self._listeners)
        yield _counter("event_listeners_cut_off", "Event listeners cut off as too slow.", counters.listeners_cut_off)
        yield _counter("answers_cut_off", "Responses not read in time.", counters.answers_cut_off)
        yield _counter("connections_cut", "API connections cut.", counters.connections_cut)
        yield _counter("accepts_failed", "API connections not accepted.", counters.accepts_failed)
        not_understood = "Invalid requests sent to the API."
        yield _counter("requests_not_understood", not_understood, counters.requests_not_understood)
        yield _gauge("open_files", "File descriptors in use.", status.open_files)
        yield _gauge("open_files_limit", "Limit of file descriptors.", status.open_files_limit)
        lags = [("+Inf" if isinf(bound) else str(bound), float(count)) for bound, count in lag.cumulated()]
        late = f"{PREFIX}loop_lag_seconds", "Lag of the event loop."
        yield HistogramMetricFamily(*late, buckets=lags, sum_value=round(lag.sum, 6))
        yield _gauge("loop_lag_longest_seconds", "Longest lag of the last minute.", round(lag.longest, 6))
        if status.staleness is not None:
            oldest = "Age of the oldest read of a calendar without notifications."
            yield _gauge("oldest_reading_age_seconds", oldest, status.staleness)
        if status.cluster is not None:
            yield from _of_the_cluster(status.cluster)


def _of_the_cluster(state: ClusterState) -> Iterator[Metric]:
    """Yield what an engine knows of those that it shares the users with."""
    nodes = Counter(dict.fromkeys(get_args(NodeCondition), 0))
    nodes.update(each.condition for each in state.nodes)
    own = next((each for each in state.nodes if each.own), None)
    up = state.database.state != "away"
    yield _gauge("cluster_database_up", "Whether the database that the engines share can be used.", up)
    yield _gauge("cluster_member", "Whether this engine is a member.", state.member)
    yield _gauge("cluster_nodes", "Engines that share the users.", nodes, "condition")
    yield _gauge("cluster_shards", "Parts of the users.", state.shards)
    yield _gauge("cluster_shards_owned", "Parts of the users that this engine works for.", state.own_shards)
    yield _gauge("cluster_shards_without_owner", "Parts of the users that no engine works for.", state.ownerless)
    halted = "Parts of the users that this engine does not write, since another program does."
    yield _gauge("cluster_shards_halted", halted, 0 if own is None else own.halted)
    yield _counter("cluster_takeovers", "Shards taken of engines that were gone.", state.takeovers)
    lag = 0 if own is None or not own.behind else state.settings - own.settings
    yield _gauge("cluster_settings_behind", "Versions by which the settings in force are not the newest.", lag)
    if state.lease_age is not None:
        lease = "Time since the database confirmed what this engine owns."
        yield _gauge("cluster_lease_age_seconds", lease, state.lease_age)


def exposition(status: Status, counters: Counters, listeners: int, lag: LoopLag) -> bytes:
    """Return all metrics in the text format (prometheus.io, exposition formats); `listeners` is how many there are."""
    return generate_latest(_Figures(status, counters, listeners, lag))


def _gauge(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}{name}", text, labels=[label] if label else ())
    return _filled(family, value)


def _counter(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    family = CounterMetricFamily(f"{PREFIX}{name}", text, labels=[label] if label else ())
    return _filled(family, value)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, value: float | Mapping[str, float]) -> Metric:
    by_label = {(key,): each for key, each in value.items()} if isinstance(value, Mapping) else {(): value}
    for labels, each in by_label.items():
        family.add_metric(labels, each)
    return family
