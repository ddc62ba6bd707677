"""How things stand: a picture of the engine at one instant, the same for the log, the command line and the API."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.core.failures import Failure
from engine.core.users import User
from engine.sync.roster import Participant


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One side: working, or not because of `failure`. Neither is known before the first attempt."""

    works: bool = False
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class UserProblem:
    """A user whose calendar cannot be had, or whose presence the PBX refused."""

    user: User
    failure: Failure


@dataclass(frozen=True, slots=True)
class Status:
    """Counts and problems. `unresolved` users have no readable calendar; `waiting` ones were not read yet.

    `restriction` is why less is read than the settings ask for.
    """

    users: int
    resolved: int
    waiting: int
    unresolved: tuple[UserProblem, ...]
    refused: tuple[UserProblem, ...]
    oldest_reading: datetime | None
    pbx: LinkStatus
    exchange: LinkStatus
    restriction: Failure | None


def describe(
    participants: Iterable[Participant], pbx: LinkStatus, exchange: LinkStatus, restriction: Failure | None
) -> Status:
    """Return the picture of these participants; those who are departing do not count."""
    staying = [participant for participant in participants if not participant.departing]
    unresolved = tuple(UserProblem(p.user, p.problem) for p in staying if p.problem is not None)
    readings = [p.reading.at for p in staying if p.reading is not None]
    waiting = sum(p.problem is None and p.reading is None for p in staying)
    return Status(
        users=len(staying),
        resolved=len(staying) - len(unresolved) - waiting,
        waiting=waiting,
        unresolved=unresolved,
        refused=tuple(UserProblem(p.user, p.refusal) for p in staying if p.refusal is not None),
        oldest_reading=min(readings, default=None),
        pbx=pbx,
        exchange=exchange,
        restriction=restriction,
    )
