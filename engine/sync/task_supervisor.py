"""Keeps the parts of an engine running: one that fails because of a bug is restarted and ends no other."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from random import Random

from engine.core.backoff import Backoff, doubling
from engine.core.clock import Clock
from engine.core.errors import Failure, Fault, Scope
from engine.core.internal_errors import InternalErrorLog
from engine.store.errors import SharedDatabaseFailure

PAUSES = doubling(timedelta(seconds=1), timedelta(minutes=5))
"""Pauses before a part is restarted."""

WELL_AGAIN_AFTER = timedelta(hours=1)
"""A part that has run this long without a mistake counts as healthy: it is not reported, and its back-off is reset."""

Keep = Callable[[str, Callable[[], Awaitable[None]]], Coroutine[None, None, None]]
"""Type of `TaskSupervisor.keep`, which runs a part by its name."""


class PartFailed(Failure):
    """A part of the engine ended with an unexpected exception; its traceback is in the log."""

    fault = Fault.OURS
    scope = Scope.SERVICE
    meaning = "A part of the engine failed because of a bug and was restarted"
    remedy = "Please report this with the log. Other parts are not affected."


class TaskSupervisor:
    """Runs parts by name and restarts them. `clock` is the network clock; failures `passed_on` end everything, unless
    they are of a database that several engines share: one that is away ends nothing.

    `noted` is called after each mistake, `started_again` with the name of a part that is restarted.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        log: InternalErrorLog,
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
        self._internal_errors: dict[str, tuple[str, int, datetime]] = {}

    def problems(self) -> tuple[PartFailed, ...]:
        """Return the parts that failed lately, with the number of times."""
        now = self._clock.now()
        return tuple(
            PartFailed(f"{name}: {kind}" + (f", {times} times" if times > 1 else ""))
            for name, (kind, times, last) in self._internal_errors.items()
            if now < last + WELL_AGAIN_AFTER
        )

    async def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a part until it returns or is cancelled. Raises failures that are passed on, in a group if in one.

        An unrequested cancellation counts as a mistake, and a mistake while ending does not delay the end.
        """
        backoff = Backoff(self._random)
        while True:
            began = self._clock.now()
            try:
                return await run()
            except asyncio.CancelledError as internal_error:
                if _is_to_end():
                    raise
                self.note(name, internal_error)
            except Exception as internal_error:
                if _is_or_holds(internal_error, self._passed_on):
                    raise
                self.note(name, internal_error)
            if _is_to_end():
                raise asyncio.CancelledError
            if self._clock.now() >= began + WELL_AGAIN_AFTER:
                backoff.reset()
            await self._clock.sleep_until(self._clock.now() + backoff.next(PAUSES))
            self._started_again(name)

    def note(self, name: str, internal_error: BaseException) -> None:
        """Log a mistake that happened in a part, and add it to the problems."""
        self._log.write(name, internal_error)
        now = self._clock.now()
        _, times, last = self._internal_errors.get(name, ("", 0, now))
        if now >= last + WELL_AGAIN_AFTER:
            times = 0
        self._internal_errors[name] = (_kind(internal_error), times + 1, now)
        self._noted()


def _is_or_holds(internal_error: Exception, kind: type[Exception]) -> bool:
    def is_final(each: Exception) -> bool:
        return isinstance(each, kind) and not isinstance(each, SharedDatabaseFailure)

    return is_final(internal_error) or (
        isinstance(internal_error, ExceptionGroup) and internal_error.subgroup(is_final) is not None
    )


def _is_to_end() -> bool:
    """Return whether this task is cancelled, even if a failed task group has swallowed the cancellation."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _kind(internal_error: BaseException) -> str:
    while isinstance(internal_error, BaseExceptionGroup):
        internal_error = internal_error.exceptions[0]
    return type(internal_error).__name__
