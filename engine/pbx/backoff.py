"""How long to wait before the PBX is dialled again. No I/O."""

from datetime import timedelta

from engine.core.backoff import Pauses, doubling
from engine.pbx.failures import PbxFailure, PbxLinkMistake, PbxLoginRefused, PbxUnreachable

UNREACHABLE = doubling(timedelta(seconds=1), timedelta(seconds=32))
"""A network comes back by itself: that is how innovaphone's own client dials again."""

REFUSED = Pauses((timedelta(minutes=1), timedelta(minutes=15)))
"""Four times an hour after a second refused log-in, if the breaker of log-ins allows that much."""

MISTAKEN = Pauses(tuple(timedelta(seconds=seconds) for seconds in (1, 5, 15, 60, 300)))

OTHERWISE = Pauses((timedelta(minutes=1),))
"""Everything else needs a person, and dialling again only loads the PBX."""


def pauses_after(failure: PbxFailure) -> Pauses:
    """Return the pauses that a failure of the link calls for."""
    if isinstance(failure, PbxUnreachable):
        return UNREACHABLE
    if isinstance(failure, PbxLinkMistake):
        return MISTAKEN
    return REFUSED if isinstance(failure, PbxLoginRefused) else OTHERWISE
