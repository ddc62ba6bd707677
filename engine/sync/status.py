"""Status of the engine at one instant, and of its connections."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from engine.core.clock import Clock
from engine.core.errors import Failure
from engine.core.expiry import Expiry, ExpiryWarning
from engine.core.users import User
from engine.exchange.errors import ExchangeSlow
from engine.exchange.hybrid import HybridSource
from engine.exchange.source import CalendarSource, Mailbox
from engine.pbx.errors import Ender, PbxConnectionLost, PbxLinkUnstable
from engine.settings.model import ApplicationProof
from engine.sync.events import EXCHANGES, ConnectionLost, ConnectionRestored, Side
from engine.sync.hold import Held, PresencesLeft
from engine.sync.participants import Participant
from engine.sync.polling import PollInterval


class WaitingFor(StrEnum):
    """The event that a side that does not work is waiting for."""

    FIRST_TRY = "first try"
    CALL = "call"
    USERS = "users"
    NEXT_TRY = "next try"


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """Status of one side: it works, or does not because of `failure` until the next attempt at `retry_at`.

    There is no failure before the first attempt. `retry_at` is network time; `since` when it has been working or not
    is calendar time. It was lost `losses` times lately, for the first time at `first_lost` (calendar time).
    """

    works: bool = False
    failure: Failure | None = None
    retry_at: datetime | None = None
    waits_for: WaitingFor | None = None
    since: datetime | None = None
    losses: int = 0
    first_lost: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserProblem:
    """A user with a problem: an unreadable calendar, a refused presence, or something else worth reporting."""

    user: User
    failure: Failure


class NotWritten(StrEnum):
    """Why nothing is written for a user."""

    DRY_RUN = "dry run"
    NO_PILOT = "no pilot"


@dataclass(frozen=True, slots=True)
class Withheld:
    """Number of presences that are not written, `cleared` of which are empty: in a `dry_run`, or of those who are no
    pilots, while `live` users are written. `left` users still show what was written for them earlier."""

    presences: int
    cleared: int
    live: int
    left: int
    _: KW_ONLY
    dry_run: bool


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Counts and problems of the whole engine.

    `up_to_date` users show what they should, `pending` ones will soon; `unresolved` ones have no readable calendar, and
    `waiting` ones were not read yet. Changes in the calendars of
    `watched` users are notified at once; the others are read from time to time, and `oldest_reading` is the oldest
    reading of those; `polling` is how often that is where none can be watched. `refused_pbxs` are the reasons for
    rejecting PBXs that connected, by the names they gave. `restriction` is why less is read than the settings ask for;
    `exchange_concerns` of a side delay presences although it works. In a hybrid organisation, `exchange` is the one on
    premises, and `exchange_online` is set once anybody was looked for there. `proof` is what the application logs in
    with, None on premises. `expiries` are the known ends of certificates and secrets, `expiring` the warnings about
    those that are near. `withheld` is what is not written, in a dry run or because only pilots are. `store` is why
    presences are kept in memory only. A `held` change clears nothing before it is confirmed, and `nobody` is why nobody
    takes part. `unstable` is set for a link to the PBX that is lost again and again; `failed_parts` are those restarted
    after a bug. `concerns` are problems with the settings, and the reason if the engine is not set up (`is_set_up`).
    `noticed` problems of users do not prevent presences. `pbx_name` is the name of the master PBX in the settings. At
    `confirm_until` (calendar time) a change of the settings is rolled back unless it is confirmed. `elsewhere` is how
    many other users other nodes work for, by their names.
    """

    users: int = 0
    resolved: int = 0
    up_to_date: int = 0
    pending: int = 0
    watched: int = 0
    waiting: int = 0
    unresolved: tuple[UserProblem, ...] = ()
    refused: tuple[UserProblem, ...] = ()
    oldest_reading: datetime | None = None
    polling: PollInterval | None = None
    pbx: ConnectionStatus = ConnectionStatus()
    exchange: ConnectionStatus = ConnectionStatus()
    exchange_online: ConnectionStatus | None = None
    refused_pbxs: Mapping[str, Failure] = field(default_factory=dict)
    restriction: Failure | None = None
    exchange_concerns: Mapping[Side, tuple[Failure, ...]] = field(default_factory=dict)
    proof: ApplicationProof | None = None
    expiries: tuple[Expiry, ...] = ()
    expiring: tuple[ExpiryWarning, ...] = ()
    withheld: Withheld | None = None
    store: Failure | None = None
    held: Held | None = None
    nobody: Failure | None = None
    unstable: Failure | None = None
    failed_parts: tuple[Failure, ...] = ()
    noticed: tuple[UserProblem, ...] = ()
    is_set_up: bool = True
    concerns: tuple[Failure, ...] = ()
    pbx_name: str = ""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    confirm_until: datetime | None = None

    @property
    def left(self) -> PresencesLeft | None:
        """The problem that presences are left in the PBX which nothing updates."""
        if self.withheld is None or not self.withheld.left:
            return None
        return PresencesLeft(f"{self.withheld.left} users")

    def answer_seconds(self, side: Side) -> float | None:
        """Return how long half of the answers of a side take at least, None unless that is slow."""
        slow = (each for each in self.exchange_concerns.get(side, ()) if isinstance(each, ExchangeSlow))
        return next((each.seconds for each in slow), None)


def concerns_by_side(source: CalendarSource) -> dict[Side, tuple[Failure, ...]]:
    """Return what delays presences on each side that calendars are read from although it works."""
    halves = source.halves if isinstance(source, HybridSource) else (source,)
    return {side: found for side, half in zip(EXCHANGES, halves, strict=False) if (found := half.concerns)}


def users_counted(
    participants: Iterable[Participant],
    is_watched: Callable[[Mailbox], bool],
    still_to_write: Callable[[Participant], bool | None],
    notices: Mapping[str, Iterable[Failure]],
) -> EngineStatus:
    """Return a status with all that it says about users; those who are departing do not count.

    `still_to_write` returns whether the PBX is to show something else, None if it never will in a dry run; `notices`
    are of those who have any, by guid.
    """
    users = watched = waiting = 0
    writing: Counter[bool | None] = Counter()
    oldest: datetime | None = None
    unresolved: list[UserProblem] = []
    refused: list[UserProblem] = []
    noticed: list[UserProblem] = []
    for participant in participants:
        if participant.departing:
            continue
        users += 1
        reading = participant.reading
        problem = participant.problem or participant.internal_error
        if problem is not None:
            unresolved.append(UserProblem(participant.user, problem))
        elif reading is None:
            waiting += 1
        elif participant.refusal is None:
            writing[still_to_write(participant)] += 1
        if participant.mailbox is not None and is_watched(participant.mailbox):
            watched += 1
        elif reading is not None and (oldest is None or reading.at < oldest):
            oldest = reading.at
        if participant.refusal is not None:
            refused.append(UserProblem(participant.user, participant.refusal))
        if participant.user.guid in notices:
            noticed += [UserProblem(participant.user, each) for each in notices[participant.user.guid]]
    return EngineStatus(
        users=users,
        resolved=users - len(unresolved) - waiting,
        up_to_date=writing[False],
        pending=writing[True],
        watched=watched,
        waiting=waiting,
        unresolved=tuple(unresolved),
        refused=tuple(refused),
        oldest_reading=oldest,
        noticed=tuple(noticed),
    )


UNSTABLE_WITHIN = timedelta(hours=1)
UNSTABLE_FROM = 3
"""A link that was lost this many times within `UNSTABLE_WITHIN`, after it was established, is unstable. Losses of all
sides are counted within that time."""

_MOST_COUNTED = 10_000


class ConnectionStatuses:
    """Tracks the status of all sides from their events. `clock` is calendar time; `pbx_calls`: the PBX connects to
    the engine. `exchanges` are the sides that calendars are read from."""

    def __init__(self, clock: Clock, *, pbx_calls: bool, exchanges: Sequence[Side] = (Side.EXCHANGE,)) -> None:
        self._clock = clock
        since = clock.now()
        self._states = {
            Side.PBX: ConnectionStatus(since=since, waits_for=WaitingFor.CALL if pbx_calls else WaitingFor.FIRST_TRY),
            **dict.fromkeys(exchanges, ConnectionStatus(since=since, waits_for=WaitingFor.USERS)),
        }
        self._exchanges = tuple(exchanges)
        self._there: set[Side] = set()
        self._lost: dict[Side, deque[tuple[datetime, Failure]]] = {
            side: deque(maxlen=_MOST_COUNTED) for side in self._states
        }

    def __getitem__(self, side: Side) -> ConnectionStatus:
        state, lost = self._states.get(side, ConnectionStatus()), self._lost_lately(side)
        return replace(state, losses=len(lost), first_lost=lost[0][0]) if lost else state

    @property
    def exchange_online(self) -> ConnectionStatus | None:
        """The status of Exchange Online beside an Exchange on premises, None if nobody was looked for there yet."""
        status = self[Side.EXCHANGE_ONLINE]
        return status if status.works or status.failure is not None else None

    @property
    def exchange_answers(self) -> bool:
        """Whether calendars can be read, and nothing that they are read from is failing."""
        states = [self._states[side] for side in self._exchanges]
        return any(state.works for state in states) and all(state.failure is None for state in states)

    def note(self, event: ConnectionLost | ConnectionRestored) -> None:
        """Note that a side works, or does not."""
        match event:
            case ConnectionLost(side, failure, until):
                if side in self._there:
                    self._there.remove(side)
                    self._lost[side].append((self._clock.now(), failure))
                awaited = WaitingFor.CALL if until is None else WaitingFor.NEXT_TRY
                self._set(side, ConnectionStatus(failure=failure, retry_at=until, waits_for=awaited))
            case ConnectionRestored(side):
                self._there.add(side)
                self._set(side, ConnectionStatus(works=True))

    def pbx_is_connected(self) -> None:
        """Note that the PBX is connected, but its users are not all known yet."""
        self._there.add(Side.PBX)
        self._set(Side.PBX, ConnectionStatus(waits_for=WaitingFor.USERS))

    def unstable(self) -> PbxLinkUnstable | None:
        """Return a failure if the PBX link was lost too often lately: how often, since when, and ended by whom."""
        lost = self._lost_lately(Side.PBX)
        if len(lost) < UNSTABLE_FROM:
            return None
        ends = Counter(_ender(failure).value for _, failure in lost)
        ended_by = ", ".join(f"{ender} ({times} times)" for ender, times in ends.most_common())
        since, (_, last) = lost[0][0], lost[-1]
        return PbxLinkUnstable(
            f"lost {len(lost)} times since {since:%Y-%m-%d %H:%M:%S} UTC, ended by {ended_by}; most recently: {last}"
        )

    def _lost_lately(self, side: Side) -> Sequence[tuple[datetime, Failure]]:
        lost, now = self._lost.get(side, deque()), self._clock.now()
        while lost and lost[0][0] <= now - UNSTABLE_WITHIN:
            lost.popleft()
        return lost

    def users_are_known(self) -> None:
        """Note that there is a user whose mailbox can be looked up."""
        for side in self._exchanges:
            if self._states[side].waits_for is WaitingFor.USERS:
                self._set(side, ConnectionStatus(waits_for=WaitingFor.FIRST_TRY))

    def _set(self, side: Side, state: ConnectionStatus) -> None:
        before = self._states[side]
        since = before.since if before.works == state.works else self._clock.now()
        self._states[side] = replace(state, since=since)


def _ender(failure: Failure) -> Ender:
    """Return who ended the connection: the engine itself, unless it was lost."""
    return failure.by if isinstance(failure, PbxConnectionLost) else Ender.ENGINE
