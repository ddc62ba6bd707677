"""All that is known of the engine: its last snapshot, and every event since."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from calendar_tui.state.attachment import Attached, Attaching, Attachment, Lost
from calendar_tui.state.history import LastHour
from calendar_tui.state.user_list import UserTable
from engine.api.schema import (
    About,
    AuditEvent,
    ChangeEvent,
    Concern,
    Operation,
    OperationEvent,
    RecentChanges,
    Snapshot,
    Status,
    StatusEvent,
    UsersEvent,
)

REMEMBERED = 200
"""Changes that are kept to be shown."""


class Model:
    """Written by the session, read by the screens; `real_time` is that of this machine."""

    def __init__(self, real_time: Callable[[], datetime]) -> None:
        self.real_time = real_time
        self.attachment: Attachment = Attaching()
        self.about: About | None = None
        self.may_change = False
        self.status: Status | None = None
        self.users = UserTable()
        self.operations: dict[str, Operation] = {}
        self.changes: deque[ChangeEvent] = deque(maxlen=REMEMBERED)
        self.last_hour = LastHour()
        self.current_until: datetime | None = None
        self.audits = 0
        self.visits = 0
        self._told_time: datetime | None = None
        self._told_at = real_time()
        self._last_change = 0

    def take(self, event: msgspec.Struct) -> None:
        """Take in what the engine told."""
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
            case AuditEvent():
                self.audits += 1
            case _:
                pass

    def attach(self, socket: Path) -> None:
        """Be told of everything from now on; `visits` counts how often that began."""
        if not isinstance(self.attachment, Attached):
            self.visits += 1
            self.attachment = Attached(socket)

    def lose(self, failure: Exception, pause: timedelta) -> None:
        """Know no more than before from now on; the engine is looked for again after a pause."""
        now = self.real_time()
        if isinstance(self.attachment, Attached):
            self.current_until = now
        self.attachment = Lost(failure, now + pause)

    def recall(self, recent: RecentChanges) -> None:
        """Take what happened before this program came, instead of what is known of it."""
        self.changes.clear()
        self.last_hour = LastHour()
        self._last_change = 0
        for change in reversed(recent.changes):
            self._add_change(change)

    @property
    def now(self) -> datetime:
        """The calendar time of the engine: the newest that it told, and what went by since then."""
        if self._told_time is None:
            return self.real_time()
        return self._told_time + (self.real_time() - self._told_at)

    def concern(self, slug: str) -> Concern | None:
        """Return the problem of that name, as long as there is one."""
        concerns = self.status.concerns if self.status else ()
        return next((each for each in concerns if each.trouble.type == slug), None)

    @property
    def zone(self) -> tzinfo:
        """The time zone of presence, which all times are shown in."""
        return ZoneInfo(self.status.timezone) if self.status else UTC

    def _begin(self, snapshot: Snapshot) -> None:
        self._told_time = None
        if snapshot.status is not None:
            self._set_status(snapshot.status)
        self.users.replace(snapshot.users or ())
        self.operations = {operation.id: operation for operation in snapshot.operations or ()}

    def _add_change(self, change: ChangeEvent) -> None:
        self._last_change = change.number
        self.changes.appendleft(change)
        self.last_hour.note(change)
        self._note_time(change.at)

    def _set_status(self, status: Status) -> None:
        self.status = status
        self._note_time(status.now)

    def _note_time(self, told: datetime) -> None:
        if self._told_time is None or told > self.now:
            self._told_time, self._told_at = told, self.real_time()
