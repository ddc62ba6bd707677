"""The health of the engine for monitoring: one line with performance data, as plugins of Nagios and Icinga print it
(nagios-plugins.org, Development Guidelines)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from engine.api.schema import Status
from engine.api.schema.status import SeverityName
from engine.documents.status import status_line

DAY = 86400.0


class Health(IntEnum):
    """The health; the value is the exit status that a monitoring system expects."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """From which value on a figure is a warning, and from which it is critical; None: never."""

    warning: float | None = None
    critical: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLimits:
    """The limits of all figures; those of `expires` are days that are left, so that fewer are worse."""

    no_calendar: Limits = Limits()
    refused: Limits = Limits()
    age: Limits = Limits()
    expires: Limits = Limits(30, 7)


_OF_SEVERITY: dict[SeverityName, Health] = {
    "down": Health.CRITICAL,
    "wrong presence": Health.WARNING,
    "no calendar": Health.WARNING,
    "degraded": Health.WARNING,
    "coming": Health.OK,  # the limits of the days decide
    "note": Health.OK,
}


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure with its limits; `unit` is one of the guidelines, `fewer` says that fewer are worse."""

    name: str
    value: float
    limits: Limits = Limits()
    unit: str = ""
    fewer: bool = False

    @property
    def health(self) -> Health:
        if self._is_beyond(self.limits.critical):
            return Health.CRITICAL
        return Health.WARNING if self._is_beyond(self.limits.warning) else Health.OK

    def __str__(self) -> str:
        begin, end = (_number(self.limits.warning), _number(self.limits.critical))
        mark = ":" if self.fewer else ""
        return f"{self.name}={self.value:.0f}{self.unit};{begin and begin + mark};{end and end + mark};0"

    def _is_beyond(self, limit: float | None) -> bool:
        return limit is not None and (self.value < limit if self.fewer else self.value >= limit)


def health_of(status: Status, limits: HealthLimits) -> tuple[Health, str]:
    """Return the health and its line. Problems count by their severity, figures by their limits."""
    figures = tuple(_figures(status, limits))
    health = max(
        Health.CRITICAL if any(not link.works for link in status.links) else Health.OK,
        Health.OK if status.held is None else Health.WARNING,
        *(_OF_SEVERITY[concern.severity] for concern in status.concerns),
        *(figure.health for figure in figures),
    )
    beyond = [f"{figure.name} {figure.value:.0f}{figure.unit}" for figure in figures if figure.health is not Health.OK]
    text = "; ".join((status_line(status), *beyond))
    return health, f"{health_line(health, text)} | {' '.join(map(str, figures))}"


def health_line(health: Health, text: str) -> str:
    """Return a line without performance data, which begins with a "|"."""
    return f"CALENDAR {health.name} - {text.replace('|', '/')}"


def _figures(status: Status, limits: HealthLimits) -> Iterator[_Figure]:
    yield _Figure("users", status.users)
    yield _Figure("no_calendar", status.unread + status.unresolved, limits.no_calendar)
    yield _Figure("refused", status.refused, limits.refused)
    yield _Figure("pending", status.pending)
    if status.staleness is not None:
        yield _Figure("age", status.staleness, limits.age, "s")
    if status.expiries:
        ends = min(each.ends for each in status.expiries)
        yield _Figure("expires", (ends - status.now).total_seconds() // DAY, limits.expires, fewer=True)


def _number(limit: float | None) -> str:
    return "" if limit is None else f"{limit:g}"
