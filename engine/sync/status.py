"""How things stand: a picture of the engine at one instant, the same for the log, the command line and the API."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.core.failures import Failure
from engine.core.users import User
from engine.exchange.source import Mailbox
from engine.sync.hold import Held
from engine.sync.roster import Participant


class Awaited(StrEnum):
    """What a side that does not work waits for."""

    FIRST_TRY = "first try"
    CALL = "call"
    USERS = "users"
    NEXT_TRY = "next try"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One side: working, or not because of `failure` until the next try at `retry_at` (network time).

    There is no failure before the first attempt. It has been working or not `since` then, calendar time.
    """

    works: bool = False
    failure: Failure | None = None
    retry_at: datetime | None = None
    waits_for: Awaited | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserProblem:
    """A user whose calendar cannot be had, whose presence the PBX refused, or of whom something else is to be said."""

    user: User
    failure: Failure


@dataclass(frozen=True, slots=True)
class Withheld:
    """How many presences a dry run does not write, `cleared` of them empty ones."""

    presences: int
    cleared: int


@dataclass(frozen=True, slots=True)
class Status:
    """Counts and problems. `unresolved` users have no readable calendar; `waiting` ones were not read yet. Changes in
    the calendars of `watched` users are heard at once; the others are looked at every now and then, and
    `oldest_reading` is the oldest of those.

    `refused_pbxs` connected and are not used: why, by the name each gave. `restriction` is why less is read than the
    settings ask for; `exchange_concerns` keep presences from following in time although Exchange works. In a `dry_run`
    nothing is written. `store` is why presences are kept in memory only. What is `held` is not cleared before it is
    confirmed, and `nobody` says why nobody takes part. `unstable` is said of a link to the PBX that is lost again and
    again, `failed_parts` of what started again after a mistake of ours. Where nothing `is_set_up`, the `concerns` say
    why; they are what else is the matter with the settings. What is `noticed` of users is not in the way of a presence.
    """

    users: int
    resolved: int
    watched: int
    waiting: int
    unresolved: tuple[UserProblem, ...]
    refused: tuple[UserProblem, ...]
    oldest_reading: datetime | None
    pbx: LinkStatus
    exchange: LinkStatus
    refused_pbxs: Mapping[str, Failure]
    restriction: Failure | None
    exchange_concerns: tuple[Failure, ...] = ()
    dry_run: Withheld | None = None
    store: Failure | None = None
    held: Held | None = None
    nobody: Failure | None = None
    unstable: Failure | None = None
    failed_parts: tuple[Failure, ...] = ()
    noticed: tuple[UserProblem, ...] = ()
    is_set_up: bool = True
    concerns: tuple[Failure, ...] = ()


def describe(
    participants: Iterable[Participant],
    pbx: LinkStatus,
    exchange: LinkStatus,
    refused_pbxs: Mapping[str, Failure],
    is_watched: Callable[[Mailbox], bool],
    restriction: Failure | None,
    exchange_concerns: tuple[Failure, ...] = (),
    dry_run: Withheld | None = None,
    store: Failure | None = None,
    held: Held | None = None,
    nobody: Failure | None = None,
    notices: Callable[[str], Iterable[Failure]] = lambda _: (),
) -> Status:
    """Return the picture of these participants; those who are departing do not count."""
    users = watched = waiting = 0
    oldest: datetime | None = None
    unresolved: list[UserProblem] = []
    refused: list[UserProblem] = []
    noticed: list[UserProblem] = []
    for participant in participants:
        if participant.departing:
            continue
        users += 1
        reading = participant.reading
        problem = participant.problem or participant.mistake
        if problem is not None:
            unresolved.append(UserProblem(participant.user, problem))
        elif reading is None:
            waiting += 1
        if participant.mailbox is not None and is_watched(participant.mailbox):
            watched += 1
        elif reading is not None and (oldest is None or reading.at < oldest):
            oldest = reading.at
        if participant.refusal is not None:
            refused.append(UserProblem(participant.user, participant.refusal))
        noticed += [UserProblem(participant.user, each) for each in notices(participant.user.guid)]
    return Status(
        users=users,
        resolved=users - len(unresolved) - waiting,
        watched=watched,
        waiting=waiting,
        unresolved=tuple(unresolved),
        refused=tuple(refused),
        oldest_reading=oldest,
        pbx=pbx,
        exchange=exchange,
        refused_pbxs=dict(refused_pbxs),
        restriction=restriction,
        exchange_concerns=exchange_concerns,
        dry_run=dry_run,
        store=store,
        held=held,
        nobody=nobody,
        noticed=tuple(noticed),
    )
