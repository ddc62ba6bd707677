"""Logs internal errors: the traceback once, then a count, with text from peers made harmless."""

import logging
import traceback
from collections.abc import Iterator

from engine.core.clock import Clock
from engine.core.seldom import Seldom
from engine.display import one_line

_LONGEST_MESSAGE = 300
_MOST_LINES = 200


class MistakeLog:
    """Logs unexpected exceptions to `logger`, the same one from the same place once in ten minutes."""

    def __init__(self, logger: logging.Logger, clock: Clock) -> None:
        self._logger = logger
        self._seldom = Seldom(clock)

    def write(self, where: str, mistake: BaseException) -> None:
        """Log `mistake`, which happened in the part `where`."""
        if times := self._seldom.happened((where, *_place(mistake))):
            again = f", {times} times" if times > 1 else ""
            self._logger.error("internal error in %s%s\n%s", where, again, traceback_of(mistake))


def traceback_of(mistake: BaseException) -> str:
    """Return the traceback of an exception, including its causes and the members of a group."""
    return "\n".join(line for line, _ in zip(_lines(mistake), range(_MOST_LINES), strict=False))


def _lines(mistake: BaseException) -> Iterator[str]:
    if mistake.__cause__ is not None:
        yield from _lines(mistake.__cause__)
        yield "which led to:"
    yield "Traceback (most recent call last):"
    for entry in traceback.format_tb(mistake.__traceback__):
        yield from entry.rstrip("\n").splitlines()
    yield f"{type(mistake).__name__}: {one_line(str(mistake), _LONGEST_MESSAGE)}".removesuffix(": ")
    if isinstance(mistake, BaseExceptionGroup):
        for part in mistake.exceptions:
            yield from _lines(part)


def _place(mistake: BaseException) -> tuple[str, str, int]:
    while isinstance(mistake, BaseExceptionGroup):
        mistake = mistake.exceptions[0]
    frames = traceback.extract_tb(mistake.__traceback__)
    return (type(mistake).__name__, frames[-1].filename, frames[-1].lineno or 0) if frames else ("", "", 0)
