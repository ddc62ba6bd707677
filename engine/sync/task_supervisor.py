"""Keeps the parts of an engine running: one that ends by a mistake of ours ends no other, and starts again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from random import Random

from engine.core.backoff import Backoff, doubling
from engine.core.clock import Clock
from engine.core.errors import Failure, Fault, Scope
from engine.core.mistakes import MistakeLog

PAUSES = doubling(timedelta(seconds=1), timedelta(minutes=5))
"""Before a part starts again."""

WELL_AGAIN_AFTER = timedelta(hours=1)
"""A part that has run for so long without a mistake is well: nothing is said of it, and pauses begin with the first."""

Keep = Callable[[str, Callable[[], Awaitable[None]]], Coroutine[None, None, None]]
"""Runs a part by its name, as `Supervisor.keep` does."""


class PartFailed(Failure):
    """A part of the engine ended by an exception nobody expected; its traceback is in the log."""

    fault = Fault.OURS
    scope = Scope.SERVICE
    meaning = "A part of the engine failed because of a bug and was restarted"
    remedy = "Please report this with the log. Other parts are not affected."


class Supervisor:
    """Runs parts by name. `clock` is the network clock; `passed_on` are failures that are to end everything.

    `noted` is called when there is another problem, `started_again` with the name of a part that starts again after it.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        log: MistakeLog,
        *,
        passed_on: type[Failure],
        noted: Callable[[], None],
        started_again: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._random = random
        self._log = log
        self._passed_on = passed_on
        self._noted = noted
        self._started_again = started_again
        self._mistakes: dict[str, tuple[str, int, datetime]] = {}

    def problems(self) -> tuple[PartFailed, ...]:
        """Return which parts failed lately, and how often."""
        now = self._clock.now()
        return tuple(
            PartFailed(f"{name}: {kind}" + (f", {times} times" if times > 1 else ""))
            for name, (kind, times, last) in self._mistakes.items()
            if now < last + WELL_AGAIN_AFTER
        )

    async def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a part until it returns or is cancelled. Raises what is passed on, in a group if it came in one.

        A cancellation that nobody asked for is a mistake like any other, and a mistake on the way out delays no end.
        """
        backoff = Backoff(self._random)
        while True:
            began = self._clock.now()
            try:
                return await run()
            except asyncio.CancelledError as mistake:
                if _is_to_end():
                    raise
                self.note(name, mistake)
            except Exception as mistake:
                if _is_or_holds(mistake, self._passed_on):
                    raise
                self.note(name, mistake)
            if _is_to_end():
                raise asyncio.CancelledError
            if self._clock.now() >= began + WELL_AGAIN_AFTER:
                backoff.reset()
            await self._clock.sleep_until(self._clock.now() + backoff.next(PAUSES))
            self._started_again(name)

    def note(self, name: str, mistake: BaseException) -> None:
        """Write a mistake that happened in a part to the log, and have it among the problems."""
        self._log.write(name, mistake)
        now = self._clock.now()
        _, times, last = self._mistakes.get(name, ("", 0, now))
        if now >= last + WELL_AGAIN_AFTER:
            times = 0
        self._mistakes[name] = (_kind(mistake), times + 1, now)
        self._noted()


def _is_or_holds(mistake: Exception, kind: type[Exception]) -> bool:
    return isinstance(mistake, kind) or (isinstance(mistake, ExceptionGroup) and mistake.subgroup(kind) is not None)


def _is_to_end() -> bool:
    """Tell whether this task is cancelled, also where a task group that failed has swallowed that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _kind(mistake: BaseException) -> str:
    while isinstance(mistake, BaseExceptionGroup):
        mistake = mistake.exceptions[0]
    return type(mistake).__name__
