"""The model: the last snapshot of the engine updated by the events since, and the filtered, sorted list of users."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from engine.api.schema import (
    About,
    AuditEvent,
    ChangeEvent,
    Concern,
    Operation,
    OperationEvent,
    RecentChanges,
    Snapshot,
    Sort,
    Status,
    StatusEvent,
    UserRow,
    UsersEvent,
)
from engine.api.schema.setup import SetupEvent
from engine.api.user_index import UserIndex


@dataclass(frozen=True, slots=True)
class Attaching:
    """No attempt to connect has been made yet."""


@dataclass(frozen=True, slots=True)
class Attached:
    """Connected; events are received as they occur."""

    socket: Path


@dataclass(frozen=True, slots=True)
class Lost:
    """The engine is unreachable; the next attempt is at `retry_at` (real time)."""

    failure: Exception
    retry_at: datetime

    @property
    def remedy(self) -> str:
        """The remedy for the failure."""
        return str(getattr(self.failure, "remedy", ""))


Attachment = Attaching | Attached | Lost


MINUTES = 60
MINUTE = timedelta(minutes=1)
EIGHTHS = "▁▂▃▄▅▆▇█"
CHANGES = frozenset({"confirmed", "withheld"})
ERRORS = frozenset({"user trouble", "link trouble", "PBX refused", "account paused", "reading restricted", "concern"})


class LastHour:
    """Counts of confirmed presences and of errors per minute of calendar time."""

    def __init__(self) -> None:
        self._changes: dict[datetime, int] = {}
        self._errors: dict[datetime, int] = {}

    def note(self, change: ChangeEvent) -> None:
        """Count an event."""
        if change.kind in CHANGES:
            _count(self._changes, change.at)
        elif change.kind in ERRORS:
            _count(self._errors, change.at)

    def changes(self, now: datetime) -> tuple[int, ...]:
        """Return the changes in each of the last minutes; the minute of `now` comes last."""
        return _series(self._changes, now)

    def errors(self, now: datetime) -> tuple[int, ...]:
        """Return the errors in each of the last minutes; the minute of `now` comes last."""
        return _series(self._errors, now)


def sparkline(counts: tuple[int, ...], width: int) -> str:
    """Return counts as bars in eighths in at most `width` columns; each column is the sum of equally many counts."""
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


SORTS: tuple[Sort, ...] = ("display_name", "activity", "state", "mailbox", "name")


@dataclass(frozen=True, slots=True)
class Query:
    """Filter and order of the users: those that match every word of `words`, and have `problem` if given."""

    words: str = ""
    problem: str = ""
    problem_title: str = ""
    errors_only: bool = False
    sort: Sort = "display_name"
    descending: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether it may leave users out."""
        return bool(self.words or self.problem or self.errors_only)


class UserTable:
    """The rows of all users by guid; `revision` increases with every change."""

    def __init__(self) -> None:
        self.revision = 0
        self._index = UserIndex()

    @property
    def rows(self) -> dict[str, UserRow]:
        """All rows, in no particular order."""
        return self._index.rows

    def replace(self, rows: Iterable[UserRow]) -> None:
        """Replace all rows by these."""
        self._index.clear()
        self.update(rows, ())

    def update(self, rows: Iterable[UserRow], gone: Iterable[str]) -> None:
        """Update rows, and remove those of users who are gone."""
        for row in rows:
            self._index.put(row)
        for guid in gone:
            self._index.remove(guid)
        self.revision += 1

    def chosen(self, query: Query) -> list[str]:
        """Return the guids of the users that match `query`, in its order."""
        rows = self.rows
        guids = self._index.find(query.words, query.sort, descending=query.descending)
        if query.problem:
            guids = [guid for guid in guids if rows[guid].problem == query.problem]
        if query.errors_only:
            guids = [guid for guid in guids if rows[guid].state == "problem"]
        return guids


REMEMBERED = 200
"""Number of changes kept for display."""


class Model:
    """What is known of the engine: written by the session, read by the screens; `real_time` is this machine's."""

    def __init__(self, real_time: Callable[[], datetime]) -> None:
        self.real_time = real_time
        self.attachment: Attachment = Attaching()
        self.about: About | None = None
        self.may_change = False
        self.is_capturing = False
        self.status: Status | None = None
        self.users = UserTable()
        self.wanted = Query()
        self.own_wanted: Query | None = None
        self.chosen_user = ""
        self.chosen_entry: int | None = None
        self.operations: dict[str, Operation] = {}
        self.changes: deque[ChangeEvent] = deque(maxlen=REMEMBERED)
        self.errors: deque[ChangeEvent] = deque(maxlen=REMEMBERED)
        self.last_hour = LastHour()
        self.current_until: datetime | None = None
        self.audits = 0
        self.setup: SetupEvent | None = None
        self.visits = 0
        self._server_time: datetime | None = None
        self._server_time_at = real_time()
        self._last_change = 0

    def take(self, event: msgspec.Struct) -> None:
        """Apply an event of the engine."""
        match event:
            case Snapshot():
                self._begin(event)
            case StatusEvent(status=status):
                self._set_status(status)
            case UsersEvent(users=users, gone=gone):
                self.users.update(users, gone)
            case OperationEvent(operation=operation):
                self.operations[operation.id] = operation
            case ChangeEvent() if event.number > self._last_change:
                self._add_change(event)
            case SetupEvent():
                self.setup = event
            case AuditEvent():
                self.audits += 1
            case _:
                pass

    def attach(self, socket: Path) -> None:
        """Mark as attached; `visits` counts the attachments."""
        if not isinstance(self.attachment, Attached):
            self.visits += 1
            self.attachment = Attached(socket)

    def lose(self, failure: Exception, pause: timedelta) -> None:
        """Mark as disconnected; the next attempt follows after a pause."""
        now = self.real_time()
        if isinstance(self.attachment, Attached):
            self.current_until = now
        self.attachment = Lost(failure, now + pause)

    def recall(self, recent: RecentChanges) -> None:
        """Replace the known changes by those that the engine recorded before this program attached."""
        self.changes.clear()
        self.errors.clear()
        self.last_hour = LastHour()
        self._last_change = 0
        for change in reversed(recent.changes):
            self._add_change(change)

    @property
    def now(self) -> datetime:
        """The calendar time of the engine: the newest one it sent, plus the time elapsed since."""
        if self._server_time is None:
            return self.real_time()
        return self._server_time + (self.real_time() - self._server_time_at)

    @property
    def stale_since(self) -> datetime | None:
        """The calendar time at which the engine was heard last, None while it is attached."""
        lost = isinstance(self.attachment, Lost) and self.current_until is not None
        return self.status.now if lost and self.status is not None else None

    @property
    def counts_down(self) -> bool:
        """Whether seconds are shown: until the next attempt to connect, or until a change is rolled back."""
        is_on_trial = self.status is not None and self.status.confirm_until is not None
        return isinstance(self.attachment, Lost) or is_on_trial

    @property
    def errors_of_last_hour(self) -> list[ChangeEvent]:
        """The errors of the last hour that are remembered, the newest first."""
        begin = self.now - MINUTES * MINUTE
        return [each for each in self.errors if each.at > begin]

    @property
    def node(self) -> str:
        """The name of the engine where several share the users, "" for one that works alone."""
        return self.status.cluster.node if self.status is not None and self.status.cluster is not None else ""

    def concern(self, slug: str) -> Concern | None:
        """Return the problem with that name, None if there is none any more."""
        concerns = self.status.concerns if self.status else ()
        return next((each for each in concerns if each.trouble.type == slug), None)

    @property
    def zone(self) -> tzinfo:
        """The presence time zone, in which all times are shown."""
        return ZoneInfo(self.status.timezone) if self.status else UTC

    def _begin(self, snapshot: Snapshot) -> None:
        self._server_time = None
        if snapshot.status is not None:
            self._set_status(snapshot.status)
        self.users.replace(snapshot.users or ())
        self.operations = {operation.id: operation for operation in snapshot.operations or ()}

    def _add_change(self, change: ChangeEvent) -> None:
        self._last_change = change.number
        self.changes.appendleft(change)
        if change.kind in ERRORS:
            self.errors.appendleft(change)
        self.last_hour.note(change)
        self._note_time(change.at)

    def _set_status(self, status: Status) -> None:
        self.status = status
        self._note_time(status.now)

    def _note_time(self, instant: datetime) -> None:
        if self._server_time is None or instant > self.now:
            self._server_time, self._server_time_at = instant, self.real_time()
