"""Everything that the requests of the API are answered from, fed by what the engine reports."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from engine.api import wire
from engine.api.audit import Audit
from engine.api.descriptors import Descriptors
from engine.api.events import Events
from engine.api.history import History
from engine.api.loop_lag import LoopLag
from engine.api.metrics import Counters
from engine.api.operations import OperationDesk
from engine.api.peers import ourselves
from engine.api.rows import UserRows
from engine.api.schema import (
    Actor,
    AuditEntry,
    ChangeEvent,
    Operation,
    OperationEvent,
    PastChange,
    Status,
    StatusEvent,
    UsersEvent,
)
from engine.core.clock import Clock
from engine.store.audit_trail import AuditTrail
from engine.sync.happenings import (
    CalendarVisited,
    Happening,
    PresenceConfirmed,
    PresenceWithheld,
    ServiceChanged,
    SettingsRolledBack,
    UserChanged,
    UserRecovered,
    UserTrouble,
)
from engine.sync.views import Account, EngineView

logger = logging.getLogger(__name__)

MERGED = 0.1
"""Seconds within which changes of the same user or operation become one event."""

STATUS_MERGED = 10
"""The status is looked at in every tenth round of those, since it takes a look at everybody."""

ROWS_AT_A_TIME = 500

AUDIT_TRIED_AGAIN = 600
"""What the disk did not take of the audit log is written again in every such round."""


class Desk:
    """Watches one engine, or whichever runs at the time. `clock` is calendar time; `trail` keeps who changed what.

    What happens goes to the ledger topics at once, every bit of it; of status, users and operations only the newest
    state is published, by `publish`.
    """

    def __init__(self, engine: EngineView, clock: Clock, trail: AuditTrail | None = None) -> None:
        self.engine = engine
        self.events = Events(boot=secrets.token_hex(4))
        self.rows = UserRows(engine)
        self.counters = Counters()
        self.loop_lag = LoopLag()
        self.history = History()
        self.audit = Audit(self.events, trail)
        self._progressed: dict[str, None] = {}
        self.operations = OperationDesk(engine, self._operation_changed, clock.now)
        self._descriptors = Descriptors()
        self._clock = clock
        self._started = clock.now()
        self._status: Status | None = None
        self._published: Status | None = None
        engine.observe(self._observe)

    def status(self) -> Status:
        """Return how things stand. As long as nothing happens, only time goes on."""
        now = self._clock.now()
        if self._status is None:
            self._status = wire.status(self.engine.status(), now, self._started, self.engine.timezone)
        self._descriptors.look(now)
        own = (self._descriptors.trouble, self.loop_lag.trouble, self.audit.trouble)
        return replace(
            self._status,
            now=now,
            staleness=wire.staleness(self._status.oldest_reading, now),
            concerns=self._status.concerns + tuple(wire.concern(each) for each in own if each is not None),
            open_files=self._descriptors.used,
            open_files_limit=self._descriptors.limit,
            loop_lag=round(self.loop_lag.longest, 3),
        )

    def now(self) -> datetime:
        """Return the present instant of calendar time."""
        return self._clock.now()

    def account(self, guid: str) -> Account | None:
        """Return all that is known of one user, None for whoever does not take part."""
        return self.engine.account(guid, self._clock.now())

    async def write_down(self, actor: Actor, action: str, subject: str) -> None:
        """Put a change into the audit log, and return when it is on the disk: before whoever asked has an answer."""
        self.audit.add(AuditEntry(at=self._clock.now(), actor=actor, action=action, subject=subject))
        await self.audit.save()

    def note_own(self, action: str, subject: str) -> None:
        """Put what the engine changed by itself into the audit log; it is on the disk soon."""
        self.audit.add(AuditEntry(at=self._clock.now(), actor=ourselves(), action=action, subject=subject))

    async def publish(self) -> None:
        """Publish the newest state for ever, merged and in small portions."""
        for number in itertools.count():
            self._publish_round(with_status=number % STATUS_MERGED == 0)
            await self.audit.save(again=number % AUDIT_TRIED_AGAIN == 0)
            await asyncio.sleep(MERGED)

    def _publish_round(self, *, with_status: bool) -> None:
        self._publish_users()
        self._publish_operations()
        if with_status:
            self._publish_status()

    def _publish_users(self) -> None:
        changed = self.rows.changed(ROWS_AT_A_TIME)
        if changed:
            rows = tuple(row for _, row in changed if row is not None)
            gone = tuple(guid for guid, row in changed if row is None)
            self.events.append("users", lambda number: UsersEvent(number=number, users=rows, gone=gone))

    def _publish_operations(self) -> None:
        for key in tuple(self._progressed):
            operation = self.operations.get(key)
            if operation is not None:
                self._publish_operation(operation)
            del self._progressed[key]

    def _publish_operation(self, operation: Operation) -> None:
        self.events.append("operations", lambda number: OperationEvent(number=number, operation=operation))

    def _publish_status(self) -> None:
        status = self.status()
        if self._published is None or _lasting(status) != _lasting(self._published):
            self._published = status
            self.events.append("status", lambda number: StatusEvent(number=number, status=status))

    def _operation_changed(self, key: str) -> None:
        self._progressed[key] = None

    def _observe(self, happening: Happening) -> None:
        """Take note of what happens; a mistake in here must not reach the engine."""
        self._status = None
        try:
            self._note(happening)
        except Exception:
            logger.exception("taking note of %s", type(happening).__name__)

    def _note(self, happening: Happening) -> None:
        self.counters.note(happening)
        match happening:
            case UserChanged(guid):
                self.rows.outdate(guid)
            case SettingsRolledBack(keys):
                self.note_own("roll_back_settings", ", ".join(keys) or "nothing else")
            case CalendarVisited() | ServiceChanged():
                pass
            case PresenceConfirmed() | PresenceWithheld() | UserTrouble() | UserRecovered():
                self._note_user(happening)
            case _:
                at = self._clock.now()
                self._publish_change(lambda number: wire.site_change(happening, number, at))
        self.operations.note(happening)

    def _note_user(self, happening: wire.UserHappening) -> None:
        if isinstance(happening, PresenceConfirmed):
            change = PastChange(at=happening.at, presence=wire.shown(happening.presence))
            self.history.add(happening.user.guid, change)
        self.rows.outdate(happening.user.guid)
        at = self._clock.now()
        self._publish_change(lambda number: wire.user_change(happening, number, at))

    def _publish_change(self, make: Callable[[int], ChangeEvent]) -> None:
        def remembered(number: int) -> ChangeEvent:
            change = make(number)
            self.history.recent.appendleft(change)
            return change

        self.events.append("changes", remembered)


def _lasting(status: Status) -> Status:
    """Leave out what changes just because time passes and calendars are read as they should be."""
    return replace(status, now=status.started, oldest_reading=None, staleness=None, open_files=0, loop_lag=0.0)
