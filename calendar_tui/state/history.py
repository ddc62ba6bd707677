"""How much changed and failed, minute by minute, over the last hour."""

from datetime import UTC, datetime, timedelta

from engine.api.schema import ChangeEvent

MINUTES = 60
MINUTE = timedelta(minutes=1)
EIGHTHS = "▁▂▃▄▅▆▇█"
CHANGES = frozenset({"confirmed", "withheld"})
ERRORS = frozenset({"user trouble", "link trouble", "PBX refused", "account paused", "reading restricted", "concern"})


class LastHour:
    """Counts of confirmed presences and of errors by the minute of calendar time they happened in."""

    def __init__(self) -> None:
        self._changes: dict[datetime, int] = {}
        self._errors: dict[datetime, int] = {}

    def note(self, change: ChangeEvent) -> None:
        """Count what happened."""
        if change.kind in CHANGES:
            _count(self._changes, change.at)
        elif change.kind in ERRORS:
            _count(self._errors, change.at)

    def changes(self, now: datetime) -> tuple[int, ...]:
        """Return the changes of each of the last minutes, that of `now` at the end."""
        return _series(self._changes, now)

    def errors(self, now: datetime) -> tuple[int, ...]:
        """Return the errors of each of the last minutes, that of `now` at the end."""
        return _series(self._errors, now)


def sparkline(counts: tuple[int, ...], width: int) -> str:
    """Return counts as bars of eighths in at most `width` columns, each column the sum of as many counts."""
    each = -(-len(counts) // max(width, 1))
    sums = [sum(counts[start : start + each]) for start in range(0, len(counts), each)]
    most = max(sums, default=0)
    return "".join(EIGHTHS[-(-count * 7 // most)] if count else " " for count in sums)


def _count(counts: dict[datetime, int], at: datetime) -> None:
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    counts[minute] = counts.get(minute, 0) + 1
    for old in [each for each in counts if each <= minute - MINUTES * MINUTE]:
        del counts[old]


def _series(counts: dict[datetime, int], now: datetime) -> tuple[int, ...]:
    last = now.astimezone(UTC).replace(second=0, microsecond=0)
    return tuple(counts.get(last - minute * MINUTE, 0) for minute in range(MINUTES - 1, -1, -1))
