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
from engine.sync.events import AccountPaused, CalendarVisited, Happening, LinkTrouble, Side, UserChanged
from engine.sync.views import EngineView

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Takes how much is done, and how much of that failed."""

Work = Callable[[Progress], Awaitable[None]]


class Job:
    """Does `work` once; `changed` hears of every progress."""

    def __init__(
        self, operation: Operation, work: Work, changed: Callable[[Operation], None], now: Callable[[], datetime]
    ) -> None:
        self.operation = operation
        self._work = work
        self._changed = changed
        self._now = now
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin in `group`, unless it was called off already."""
        if self.operation.state == "running":
            self._task = group.create_task(self._run())
            self._task.add_done_callback(self._ended)

    def note(self, happening: Happening) -> None:
        """What happens meanwhile is of no interest to it."""

    def cancel(self) -> None:
        """Stop it where it is."""
        if self._task is not None:
            self._task.cancel()
        self._end("cancelled")

    async def _run(self) -> None:
        try:
            await self._work(self._progressed)
        except Exception:
            logger.exception("operation %s", self.operation.kind)
            self._end("failed")
        else:
            self._end("done")

    def _ended(self, _: asyncio.Task[None]) -> None:
        """Nobody waits for what the end of others took along, even before it began."""
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
"""How many visits one operation asks for ahead, so that the others wait no longer and calling off takes effect."""


class Visits:
    """Has calendars visited, some at a time, each asked for by `visit`; whoever takes part no more counts as done."""

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
        """Ask for the next visits, or end."""
        while self._waiting and len(self._asked) < AT_A_TIME:
            guid = self._waiting.popleft()
            if self._engine.glance(guid) is None:
                self.operation = replace(self.operation, done=self.operation.done + 1)
            else:
                self._asked.add(guid)
                self._visit(guid)
        if not self._asked:
            self.operation = replace(self.operation, state="done", ended=self._now())
        self._changed(self.operation)

    def note(self, happening: Happening) -> None:
        """Count the visits that were asked for, and end where none can take place."""
        match happening:
            case LinkTrouble(Side.EXCHANGE, failure, until):
                self.block(failure, until)
            case AccountPaused(failure, until):
                self._tell(trouble=trouble(failure), until=until)
            case CalendarVisited() | UserChanged():
                self._count(happening)
            case _:
                pass

    def block(self, failure: Failure, until: datetime | None) -> None:
        """Wait for nothing that is tried again at `until` at the earliest: who asked is told why, and may ask again."""
        if self.operation.state == "running":
            self._waiting.clear()
            self._asked.clear()
            self._tell(state="blocked", ended=self._now(), trouble=trouble(failure), until=until)

    def _tell(self, **changes: Any) -> None:
        self.operation = replace(self.operation, **changes)
        self._changed(self.operation)

    def _count(self, happening: CalendarVisited | UserChanged) -> None:
        guid = happening.guid
        if self.operation.state != "running" or guid not in self._asked:
            return
        if isinstance(happening, UserChanged) and self._engine.glance(guid) is not None:
            return
        has_failed = isinstance(happening, CalendarVisited) and happening.failure is not None
        self._asked.discard(guid)
        done, failed = self.operation.done + 1, self.operation.failed + has_failed
        self.operation = replace(self.operation, done=done, failed=failed, trouble=None, until=None)
        self.advance()

    def cancel(self) -> None:
        """Ask for no more visits; those asked for still take place."""
        self._waiting.clear()
        self._asked.clear()
        self.operation = replace(self.operation, state="cancelled", ended=self._now())
        self._changed(self.operation)


class OperationDesk:
    """Begins operations, tells them what happens and remembers the last ones."""

    def __init__(self, engine: EngineView, changed: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._changed = changed
        self._now = now
        self._begun = 0
        self._visits = {"resync": engine.visit, "reresolve": engine.search}
        self._all: dict[str, Visits | Job] = {}
        self._running: dict[str, Visits | Job] = {}
        self._waiting: asyncio.Queue[Job] = asyncio.Queue()

    async def run(self) -> None:
        """Work for ever on what `carry_out` is given."""
        async with asyncio.TaskGroup() as group:
            while True:
                (await self._waiting.get()).start(group)

    def carry_out(self, kind: OperationKind, total: int, work: Work, actor: Actor) -> Operation:
        """Begin `work`, which has `total` parts."""
        job = Job(self._new(kind, total, actor), work, self._progressed, self._now)
        self._remember(job)
        self._waiting.put_nowait(job)
        self._progressed(job.operation)
        return job.operation

    def begin(self, kind: OperationKind, guids: Iterable[str], actor: Actor) -> Operation:
        """Begin to read the calendars of these users anew, or to look for their mailboxes anew before that."""
        wanted = dict.fromkeys(guids)
        operation = self._new(kind, len(wanted), actor)
        visits = Visits(operation, wanted, self._engine, self._visits[kind], self._progressed, self._now)
        self._remember(visits)
        side = self._engine.link(Side.EXCHANGE if wanted else Side.PBX)
        if not side.works and side.failure is not None:
            visits.block(side.failure, side.retry_at)
        else:
            visits.advance()
        return visits.operation

    def note(self, happening: Happening) -> None:
        """Tell all that are running what happened."""
        for work in list(self._running.values()):
            work.note(happening)

    def get(self, key: str) -> Operation | None:
        """Return an operation by its id."""
        return self._all[key].operation if key in self._all else None

    def all(self) -> tuple[Operation, ...]:
        """Return all that are remembered, the newest first."""
        return tuple(each.operation for each in reversed(self._all.values()))

    def cancel(self, key: str) -> Operation | None:
        """Call an operation off if it is still running, and return it."""
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

    def _remember(self, work: Visits | Job) -> None:
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
    """The last results; older ones are forgotten."""

    def __init__(self) -> None:
        self._all: dict[str, T] = {}

    def keep(self, key: str, result: T) -> None:
        """Remember a result."""
        self._all[key] = result
        for old in list(self._all)[:-KEPT]:
            del self._all[old]

    def get(self, key: str) -> T | None:
        """Return a result, None where it is not, or no longer, known."""
        return self._all.get(key)
