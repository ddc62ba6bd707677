"""The problems of an engine as people see them: by severity, equal ones merged, and one for each outage."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from engine.core.errors import Failure, Fault, Scope
from engine.core.expiry import Expiring
from engine.exchange.errors import NoCalendarReadable, NotificationsRefused
from engine.sync.events import Side
from engine.sync.hold import ClearingHeld
from engine.sync.status import ConnectionStatus, EngineStatus, UserProblem


class Severity(IntEnum):
    """How much a problem matters, the worst first."""

    DOWN = 0
    WRONG_PRESENCE = 1
    NO_CALENDAR = 2
    DEGRADED = 3
    COMING = 4
    NOTE = 5


OF_THE_PBX = frozenset({Expiring.PBX_CERTIFICATE, Expiring.LISTENING_CERTIFICATE})


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem and how many users it concerns, by name in `users` if it is one of single users; `side` is set if it
    is one of a whole side.

    It is `folded` if it is part of an outage, whose own problem says all that there is to do.
    """

    failure: Failure
    severity: Severity
    side: Side | None = None
    count: int = 0
    users: tuple[UserProblem, ...] = ()
    folded: bool = False


def problems(status: EngineStatus) -> tuple[Problem, ...]:
    """Return all problems, the worst first."""
    return tuple(sorted((*_of_the_engine(status), *_of_sides(status), *_of_users(status)), key=_severity))


def _severity(problem: Problem) -> Severity:
    return problem.severity


def _of_the_engine(status: EngineStatus) -> Iterator[Problem]:
    if status.held is not None:
        yield Problem(ClearingHeld(status.held.words), Severity.DOWN)
    for failure in status.concerns:
        yield Problem(failure, Severity.DEGRADED if status.is_set_up else Severity.DOWN)
    if status.nobody is not None:
        yield Problem(status.nobody, Severity.DOWN)
    for failure in status.failed_parts:
        yield Problem(failure, Severity.DOWN)
    if status.left is not None:
        yield Problem(status.left, Severity.WRONG_PRESENCE)
    if status.store is not None:
        yield Problem(status.store, Severity.DEGRADED)


def _of_sides(status: EngineStatus) -> Iterator[Problem]:
    if status.unstable is not None:
        yield Problem(status.unstable, Severity.DOWN, Side.PBX, status.users)
    for side, failure in _down(status).items():
        is_told = failure.fault is Fault.NETWORK if side is Side.PBX else isinstance(failure, NoCalendarReadable)
        others = status.unstable is not None if side is Side.PBX else bool(status.unresolved)
        yield Problem(failure, Severity.DOWN, side, status.users, folded=is_told and others)
    for failure in status.refused_pbxs.values():
        yield Problem(failure, Severity.NOTE if status.pbx.works else Severity.DOWN, Side.PBX)
    concerns = [(side, each) for side, found in status.exchange_concerns.items() for each in found]
    for side, failure in (*concerns, *(((Side.EXCHANGE, status.restriction),) if status.restriction else ())):
        count = status.users - status.watched if isinstance(failure, NotificationsRefused) else status.users
        folded = _is_of_an_outage(status, side, failure)
        yield Problem(failure, Severity.DEGRADED, side, count, folded=folded)
    for warning in status.expiring:
        side = Side.PBX if warning.kind in OF_THE_PBX else Side.EXCHANGE
        yield Problem(warning, Severity.COMING, side, status.users)


def _of_users(status: EngineStatus) -> Iterator[Problem]:
    for severity, side, found in (
        (Severity.WRONG_PRESENCE, Side.PBX, status.refused),
        (Severity.NO_CALENDAR, Side.EXCHANGE, status.unresolved),
        (Severity.NOTE, Side.EXCHANGE, status.noticed),
    ):
        for alike in sorted(_alike(found), key=_rank):
            first = alike[0].failure
            yield Problem(first, severity, None, len(alike), alike, folded=_is_of_an_outage(status, side, first))


def _links(status: EngineStatus) -> dict[Side, ConnectionStatus]:
    """Return the sides that there are."""
    links = {Side.PBX: status.pbx, Side.EXCHANGE: status.exchange, Side.EXCHANGE_ONLINE: status.exchange_online}
    return {side: link for side, link in links.items() if link is not None}


def _down(status: EngineStatus) -> dict[Side, Failure]:
    return {side: link.failure for side, link in _links(status).items() if link.failure is not None}


def _is_of_an_outage(status: EngineStatus, side: Side, failure: Failure) -> bool:
    """Return whether a failure on a side goes with its outage: any does, but of a hybrid organisation with one half
    out only those of more than one user. That no calendar can be read, for various reasons, is no outage."""
    down = _down(status)
    sides = [each for each in _links(status) if (each is Side.PBX) == (side is Side.PBX)]
    out = [each in down and not isinstance(down[each], NoCalendarReadable) for each in sides]
    return all(out) or (any(out) and failure.scope is not Scope.USER)


def _alike(found: Iterable[UserProblem]) -> Iterable[tuple[UserProblem, ...]]:
    kinds: dict[type[Failure], list[UserProblem]] = {}
    for each in found:
        kinds.setdefault(type(each.failure), []).append(each)
    return map(tuple, kinds.values())


_SCOPES = (Scope.SERVICE, Scope.CONNECTION, Scope.USER)


def _rank(alike: tuple[UserProblem, ...]) -> tuple[int, int]:
    return _SCOPES.index(alike[0].failure.scope), -len(alike)
