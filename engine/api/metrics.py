"""The engine in figures, in the text format of Prometheus, without labels that name anybody."""

from collections import Counter
from collections.abc import Iterable
from math import isinf

from engine.api.loop_lag import LoopLag
from engine.api.schema import Status
from engine.sync.happenings import CalendarVisited, Happening, LinkTrouble, PresenceConfirmed, UserTrouble

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counters:
    """What happened how often since the start."""

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

    def note(self, happening: Happening) -> None:
        """Count one happening."""
        match happening:
            case PresenceConfirmed():
                self.presences += 1
            case CalendarVisited(failure=failure):
                self.visits["failed" if failure else "read"] += 1
            case LinkTrouble(side):
                self.link_troubles[side.value] += 1
            case UserTrouble():
                self.user_troubles += 1
            case _:
                pass


def exposition(status: Status, counters: Counters, listeners: int, lag: LoopLag) -> str:
    """Return everything in the text format (prometheus.io, exposition formats); `listeners` of events are there."""
    users = {"resolved": status.resolved, "unread": status.unread, "unresolved": status.unresolved}
    lines = [
        *_metric("info", "gauge", "The version that runs.", [(f'version="{status.version}"', 1)]),
        *_metric(
            "start_time_seconds", "gauge", "Calendar time of the start.", [("", round(status.started.timestamp(), 3))]
        ),
        *_metric(
            "link_up",
            "gauge",
            "Whether a side works.",
            [(f'link="{link.name}"', int(link.works)) for link in status.links],
        ),
        *_metric("users", "gauge", "Users that take part.", [(f'state="{key}"', users[key]) for key in users]),
        *_metric("refused_presences", "gauge", "Users whose presence the PBX refused.", [("", status.refused)]),
        *_metric("dry_run", "gauge", "Whether nothing is written to the PBX.", [("", int(status.dry_run))]),
        *_metric("withheld_presences", "gauge", "Presences that a dry run does not write.", [("", status.withheld)]),
        *_metric("presences_set_total", "counter", "Presences that the PBX confirmed.", [("", counters.presences)]),
        *_metric("calendar_visits_total", "counter", "Calendars visited.", _by("result", counters.visits)),
        *_metric("link_troubles_total", "counter", "Troubles of a side.", _by("link", counters.link_troubles)),
        *_metric("user_troubles_total", "counter", "Troubles of single users.", [("", counters.user_troubles)]),
        *_metric("event_listeners", "gauge", "Open event streams.", [("", listeners)]),
        *_metric("event_listeners_cut_off_total", "counter", "Listeners too slow.", [("", counters.listeners_cut_off)]),
        *_metric("answers_cut_off_total", "counter", "Answers not taken in time.", [("", counters.answers_cut_off)]),
        *_metric("connections_cut_total", "counter", "API connections cut.", [("", counters.connections_cut)]),
        *_metric("accepts_failed_total", "counter", "API connections not accepted.", [("", counters.accepts_failed)]),
        *_metric(
            "requests_not_understood_total",
            "counter",
            "What was sent to the API and is no request.",
            [("", counters.requests_not_understood)],
        ),
        *_metric("open_files", "gauge", "File descriptors in use.", [("", status.open_files)]),
        *_metric("open_files_limit", "gauge", "File descriptors there may be.", [("", status.open_files_limit)]),
        *_histogram("loop_lag_seconds", "How late what was due had its turn.", lag),
        *_metric(
            "loop_lag_longest_seconds", "gauge", "The longest lag of the last minute.", [("", round(lag.longest, 6))]
        ),
    ]
    if status.staleness is not None:
        lines += _metric(
            "oldest_reading_age_seconds",
            "gauge",
            "Age of the oldest reading of a calendar that is not watched.",
            [("", status.staleness)],
        )
    return "\n".join([*lines, ""])


def _by(label: str, counts: Counter[str]) -> list[tuple[str, float]]:
    return [(f'{label}="{key}"', count) for key, count in counts.items()]


def _histogram(name: str, text: str, lag: LoopLag) -> list[str]:
    head = _metric(name, "histogram", text, ())
    name = f"calendar_engine_{name}"
    buckets = [f'{name}_bucket{{le="{_bound(bound)}"}} {count}' for bound, count in lag.cumulated()]
    return [*head, *buckets, f"{name}_sum {round(lag.sum, 6)}", f"{name}_count {lag.count}"]


def _bound(bound: float) -> str:
    return "+Inf" if isinf(bound) else str(bound)


def _metric(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    name = f"calendar_engine_{name}"
    values = [f"{name}{{{labels}}} {value}" if labels else f"{name} {value}" for labels, value in samples]
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *values]
