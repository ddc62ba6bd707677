"""Long-running operations, with progress and cancellation."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from engine.api.schema import Actor, Operation, OperationKind
from engine.core.errors import Failure
from engine.server.convert import trouble
from engine.sync.events import EXCHANGES, AccountPaused, CalendarRead, ConnectionLost, Event, Side, UserChanged
from engine.sync.views import EngineView

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the number of parts done, and how many of them failed."""

Work = Callable[[Progress], Awaitable[None]]


class Job:
    """Runs `work` once; `changed` is called on progress."""

    def __init__(
        self, operation: Operation, work: Work, changed: Callable[[Operation], None], now: Callable[[], datetime]
    ) -> None:
        self.operation = operation
        self._work = work
        self._changed = changed
        self._now = now
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start in `group`, unless already cancelled."""
        if self.operation.state == "running":
            self._task = group.create_task(self._run())
            self._task.add_done_callback(self._ended)

    def note(self, event: Event) -> None:
        """Ignore events."""

    def cancel(self) -> None:
        """Cancel the work."""
        if self._task is not None:
            self._task.cancel()
        self._end("cancelled")

    async def _run(self) -> None:
        try:
            await self._work(self._progressed)
        except Failure as failure:
            self._tell(replace(self.operation, state="blocked", ended=self._now(), trouble=trouble(failure)))
        except Exception:
            logger.exception("operation %s", self.operation.kind)
            self._end("failed")
        else:
            self._end("done")

    def _ended(self, _: asyncio.Task[None]) -> None:
        """Mark it as ended, even if the task was cancelled before it started."""
        if self.operation.state == "running":
            self._end("failed")

    def _progressed(self, done: int, failed: int) -> None:
        self._tell(replace(self.operation, done=done, failed=failed))

    def _end(self, state: str) -> None:
        self._tell(replace(self.operation, state=state, ended=self._now()))

    def _tell(self, operation: Operation) -> None:
        self.operation = operation
        self._changed(operation)


OVER_KEPT = 100
AT_A_TIME = 200
"""Reads requested ahead per operation; few, so that other operations proceed and cancelling takes effect."""


class ResyncOperation:
    """Requests calendar reads, some at a time, through `visit`; users who no longer take part count as done."""

    def __init__(
        self,
        operation: Operation,
        guids: Iterable[str],
        engine: EngineView,
        visit: Callable[[str], None],
        changed: Callable[[Operation], None],
        now: Callable[[], datetime],
    ) -> None:
        self.operation = operation
        self._waiting = deque(guids)
        self._asked: set[str] = set()
        self._engine = engine
        self._visit = visit
        self._changed = changed
        self._now = now

    def advance(self) -> None:
        """Request the next reads, or end."""
        while self._waiting and len(self._asked) < AT_A_TIME:
            guid = self._waiting.popleft()
            if self._engine.summary(guid) is None:
                self.operation = replace(self.operation, done=self.operation.done + 1)
            else:
                self._asked.add(guid)
                self._visit(guid)
        if not self._asked:
            self.operation = replace(self.operation, state="done", ended=self._now())
        self._changed(self.operation)

    def note(self, event: Event) -> None:
        """Count the requested reads, and end if none are possible."""
        match event:
            case ConnectionLost(side, failure, until) if side is not Side.PBX:
                if not any(self._engine.link(each).works for each in EXCHANGES):
                    self.block(failure, until)
            case AccountPaused(failure, until):
                self._tell(trouble=trouble(failure), until=until)
            case CalendarRead() | UserChanged():
                self._count(event)
            case _:
                pass

    def block(self, failure: Failure, until: datetime | None) -> None:
        """End as blocked: the next try is at `until` at the earliest, and the caller may ask again."""
        if self.operation.state == "running":
            self._waiting.clear()
            self._asked.clear()
            self._tell(state="blocked", ended=self._now(), trouble=trouble(failure), until=until)

    def _tell(self, **changes: Any) -> None:
        self.operation = replace(self.operation, **changes)
        self._changed(self.operation)

    def _count(self, event: CalendarRead | UserChanged) -> None:
        guid = event.guid
        if self.operation.state != "running" or guid not in self._asked:
            return
        if isinstance(event, UserChanged) and self._engine.summary(guid) is not None:
            return
        has_failed = isinstance(event, CalendarRead) and event.failure is not None
        self._asked.discard(guid)
        done, failed = self.operation.done + 1, self.operation.failed + has_failed
        self.operation = replace(self.operation, done=done, failed=failed, trouble=None, until=None)
        self.advance()

    def cancel(self) -> None:
        """Request no more reads; those already requested still take place."""
        self._waiting.clear()
        self._asked.clear()
        self.operation = replace(self.operation, state="cancelled", ended=self._now())
        self._changed(self.operation)


class OperationRegistry:
    """Registry of operations: starts them, passes them events and keeps the latest ones."""

    def __init__(self, engine: EngineView, changed: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._changed = changed
        self._now = now
        self._begun = 0
        self._visits = {"resync": engine.resync, "reresolve": engine.reresolve}
        self._all: dict[str, ResyncOperation | Job] = {}
        self._running: dict[str, ResyncOperation | Job] = {}
        self._waiting: asyncio.Queue[Job] = asyncio.Queue()

    async def run(self) -> None:
        """Run the work given to `carry_out` until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                (await self._waiting.get()).start(group)

    def start_job(self, kind: OperationKind, total: int, work: Work, actor: Actor) -> Operation:
        """Start `work`, which has `total` parts."""
        job = Job(self._new(kind, total, actor), work, self._progressed, self._now)
        self._remember(job)
        self._waiting.put_nowait(job)
        self._progressed(job.operation)
        return job.operation

    def begin(self, kind: OperationKind, guids: Iterable[str], actor: Actor, *, passed_on: bool = False) -> Operation:
        """Start to read these users' calendars again, for some kinds after finding their mailboxes again.

        `passed_on`: other engines do that for others.
        """
        wanted = dict.fromkeys(guids)
        operation = replace(self._new(kind, len(wanted), actor), passed_on=passed_on)
        visits = ResyncOperation(operation, wanted, self._engine, self._visits[kind], self._progressed, self._now)
        self._remember(visits)
        links = [self._engine.link(side) for side in (EXCHANGES if wanted else (Side.PBX,))]
        if not any(link.works for link in links) and links[0].failure is not None:
            visits.block(links[0].failure, links[0].retry_at)
        else:
            visits.advance()
        return visits.operation

    def note(self, event: Event) -> None:
        """Pass an event to all running operations."""
        for work in list(self._running.values()):
            work.note(event)

    def get(self, key: str) -> Operation | None:
        """Return an operation by its id."""
        return self._all[key].operation if key in self._all else None

    def all(self) -> tuple[Operation, ...]:
        """Return all kept operations, the newest first."""
        return tuple(each.operation for each in reversed(self._all.values()))

    def cancel(self, key: str) -> Operation | None:
        """Cancel an operation if it is still running, and return it."""
        if key in self._running:
            self._running[key].cancel()
        return self.get(key)

    def _new(self, kind: OperationKind, total: int, actor: Actor) -> Operation:
        self._begun += 1
        return Operation(
            id=str(self._begun),
            kind=kind,
            state="running",
            actor=actor,
            begun=self._now(),
            ended=None,
            total=total,
            done=0,
            failed=0,
        )

    def _remember(self, work: ResyncOperation | Job) -> None:
        key = work.operation.id
        self._all[key] = self._running[key] = work
        for old in [each for each in self._all if each not in self._running][:-OVER_KEPT]:
            del self._all[old]

    def _progressed(self, operation: Operation) -> None:
        if operation.state != "running":
            self._running.pop(operation.id, None)
        self._changed(operation.id)


T = TypeVar("T")

KEPT = 20


class Results(Generic[T]):
    """Keeps the latest results."""

    def __init__(self) -> None:
        self._all: dict[str, T] = {}

    def keep(self, key: str, result: T) -> None:
        """Keep a result."""
        self._all[key] = result
        for old in list(self._all)[:-KEPT]:
            del self._all[old]

    def get(self, key: str) -> T | None:
        """Return a result, None if it is unknown or no longer kept."""
        return self._all.get(key)
