"""Who waits for an answer, and until when: every deadline of one connection, watched by one task."""

from collections.abc import Callable
from datetime import datetime, timedelta

from engine.core.clock import Clock

ANSWER_TIME = timedelta(seconds=10)


class Deadlines:
    """Things expected within `ANSWER_TIME`, by name. All have the same time, so the first in is the first out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected: dict[str, tuple[datetime, Callable[[], None]]] = {}

    def expect(self, name: str, missed: Callable[[], None]) -> None:
        """Call `missed` unless `name` is met in time; an earlier deadline of that name is replaced."""
        self.met(name)
        self._expected[name] = (self._clock.now() + ANSWER_TIME, missed)

    def met(self, name: str) -> None:
        """What was expected has come, or is of no interest any more."""
        self._expected.pop(name, None)

    def next_look(self) -> datetime:
        """Return when to `expire` next; nothing, not even something expected meanwhile, is due before."""
        for instant, _ in self._expected.values():
            return instant
        return self._clock.now() + ANSWER_TIME

    def expire(self) -> None:
        """Call `missed` of everything that is overdue."""
        now = self._clock.now()
        overdue = [(name, missed) for name, (instant, missed) in self._expected.items() if instant <= now]
        for name, missed in overdue:
            self.met(name)
            missed()
