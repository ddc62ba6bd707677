"""An operation that is one piece of work of its own, running beside everything else until it ends or is called off."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec.structs import replace

from engine.api.schema import Operation
from engine.sync.happenings import Happening

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
