"""All that is known of the engine: its last snapshot, and every event since."""

from collections import deque
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from calendar_tui.state.attachment import Attaching, Attachment
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
    """Written by the session, read by the screens."""

    def __init__(self) -> None:
        self.attachment: Attachment = Attaching()
        self.about: About | None = None
        self.may_change = False
        self.status: Status | None = None
        self.users = UserTable()
        self.operations: dict[str, Operation] = {}
        self.changes: deque[ChangeEvent] = deque(maxlen=REMEMBERED)
        self.last_hour = LastHour()
        self.heard_at: datetime | None = None
        self.audits = 0
        self._calendar_time: datetime | None = None
        self._last_change = 0

    def take(self, event: msgspec.Struct, heard_at: datetime) -> None:
        """Take in what the engine told; `heard_at` is real time."""
        self.heard_at = heard_at
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

    def recall(self, recent: RecentChanges) -> None:
        """Take what happened before this program came, instead of what is known of it."""
        self.changes.clear()
        self.last_hour = LastHour()
        self._last_change = 0
        for change in reversed(recent.changes):
            self._add_change(change)

    @property
    def now(self) -> datetime:
        """The newest calendar time that the engine told."""
        return self._calendar_time or datetime.now(UTC)

    def concern(self, slug: str) -> Concern | None:
        """Return the problem of that name, as long as there is one."""
        concerns = self.status.concerns if self.status else ()
        return next((each for each in concerns if each.trouble.type == slug), None)

    @property
    def zone(self) -> tzinfo:
        """The time zone of presence, which all times are shown in."""
        return ZoneInfo(self.status.timezone) if self.status else UTC

    def _begin(self, snapshot: Snapshot) -> None:
        if snapshot.status is not None:
            self._set_status(snapshot.status)
        self.users.replace(snapshot.users or ())
        self.operations = {operation.id: operation for operation in snapshot.operations or ()}

    def _add_change(self, change: ChangeEvent) -> None:
        self._last_change = change.number
        self.changes.appendleft(change)
        self.last_hour.note(change)
        self._calendar_time = max(self._calendar_time or change.at, change.at)

    def _set_status(self, status: Status) -> None:
        self.status = status
        self._calendar_time = max(self._calendar_time or status.now, status.now)
