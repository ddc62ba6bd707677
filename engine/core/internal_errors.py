"""Logs internal errors: the traceback once, then a count, with text from peers made harmless."""

import logging
import traceback
from collections.abc import Iterator

from engine.core.clock import Clock
from engine.core.message_limiter import MessageLimiter
from engine.display import one_line

_LONGEST_MESSAGE = 300
_MOST_LINES = 200


class InternalErrorLog:
    """Logs unexpected exceptions to `logger`, the same one from the same place once in ten minutes."""

    def __init__(self, logger: logging.Logger, clock: Clock) -> None:
        self._logger = logger
        self._limiter = MessageLimiter(clock)

    def write(self, where: str, internal_error: BaseException) -> None:
        """Log `internal_error`, which happened in the part `where`."""
        if times := self._limiter.happened((where, *_place(internal_error))):
            again = f", {times} times" if times > 1 else ""
            self._logger.error("internal error in %s%s\n%s", where, again, traceback_of(internal_error))


def traceback_of(internal_error: BaseException) -> str:
    """Return the traceback of an exception, including its causes and the members of a group."""
    return "\n".join(line for line, _ in zip(_lines(internal_error), range(_MOST_LINES), strict=False))


def _lines(internal_error: BaseException) -> Iterator[str]:
    if internal_error.__cause__ is not None:
        yield from _lines(internal_error.__cause__)
        yield "which led to:"
    yield "Traceback (most recent call last):"
    for entry in traceback.format_tb(internal_error.__traceback__):
        yield from entry.rstrip("\n").splitlines()
    yield f"{type(internal_error).__name__}: {one_line(str(internal_error), _LONGEST_MESSAGE)}".removesuffix(": ")
    if isinstance(internal_error, BaseExceptionGroup):
        for part in internal_error.exceptions:
            yield from _lines(part)


def _place(internal_error: BaseException) -> tuple[str, str, int]:
    while isinstance(internal_error, BaseExceptionGroup):
        internal_error = internal_error.exceptions[0]
    frames = traceback.extract_tb(internal_error.__traceback__)
    return (type(internal_error).__name__, frames[-1].filename, frames[-1].lineno or 0) if frames else ("", "", 0)
