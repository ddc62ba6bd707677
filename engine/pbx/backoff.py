"""How long to wait before the PBX is dialled again."""

from datetime import timedelta
from random import Random

from engine.pbx.failures import PbxFailure, PbxLinkMistake, PbxLoginRefused, PbxUnreachable

_UNREACHABLE = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_REFUSED = (60.0, 900.0)
_MISTAKEN = (1.0, 5.0, 15.0, 60.0, 300.0)
_OTHERWISE = (60.0,)

JITTER = 0.25
"""Up to this part of a pause is added to it, so that several engines do not come back in step."""


class BackOff:
    """Counts the failures in a row that call for the same pauses.

    A network comes back by itself: 1 s doubling to 32 s, as innovaphone's own client does. Everything else needs a
    person, and dialling again only loads the PBX: once a minute, and after a second refused log-in four times an hour,
    if the breaker of log-ins allows that much.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pauses: tuple[float, ...] = _UNREACHABLE
        self._failures = 0

    def reset(self) -> None:
        """A log-in has succeeded: begin with the shortest pause again."""
        self._failures = 0

    def pause_after(self, failure: PbxFailure) -> timedelta:
        """Return how long to wait after `failure`."""
        pauses = _pauses_for(failure)
        if pauses is not self._pauses:
            self._pauses, self._failures = pauses, 0
        seconds = pauses[min(self._failures, len(pauses) - 1)]
        self._failures += 1
        return timedelta(seconds=seconds * (1 + JITTER * self._random.random()))


def _pauses_for(failure: PbxFailure) -> tuple[float, ...]:
    if isinstance(failure, PbxUnreachable):
        return _UNREACHABLE
    if isinstance(failure, PbxLinkMistake):
        return _MISTAKEN
    return _REFUSED if isinstance(failure, PbxLoginRefused) else _OTHERWISE
