"""How the two sides are: working or not, since when, and what is waited for."""

from collections import Counter, deque
from dataclasses import replace
from datetime import datetime, timedelta

from engine.core.clock import Clock
from engine.core.failures import Failure
from engine.pbx.failures import Ender, PbxConnectionLost, PbxLinkUnstable
from engine.sync.happenings import LinkRecovered, LinkTrouble, Side
from engine.sync.status import Awaited, LinkStatus

UNSTABLE_WITHIN = timedelta(hours=1)
UNSTABLE_FROM = 3
"""So many times within that a link that had come about was lost, and it is unstable."""

_MOST_COUNTED = 10_000


class Links:
    """The state of both sides from what is reported about them. `clock` is calendar time; `pbx_calls`: the PBX
    connects to us."""

    def __init__(self, clock: Clock, *, pbx_calls: bool) -> None:
        self._clock = clock
        since = clock.now()
        self._states = {
            Side.PBX: LinkStatus(since=since, waits_for=Awaited.CALL if pbx_calls else Awaited.FIRST_TRY),
            Side.EXCHANGE: LinkStatus(since=since, waits_for=Awaited.USERS),
        }
        self._pbx_is_there = False
        self._lost: deque[tuple[datetime, Failure]] = deque(maxlen=_MOST_COUNTED)

    def __getitem__(self, side: Side) -> LinkStatus:
        return self._states[side]

    def note(self, happening: LinkTrouble | LinkRecovered) -> None:
        """Take in that a side works, or does not."""
        match happening:
            case LinkTrouble(side, failure, until):
                if side is Side.PBX and self._pbx_is_there:
                    self._pbx_is_there = False
                    self._lost.append((self._clock.now(), failure))
                awaited = Awaited.CALL if until is None else Awaited.NEXT_TRY
                self._set(side, LinkStatus(failure=failure, retry_at=until, waits_for=awaited))
            case LinkRecovered(side):
                self._set(side, LinkStatus(works=True))

    def pbx_is_connected(self) -> None:
        """The PBX is there, but it has not told all of its users yet."""
        self._pbx_is_there = True
        self._set(Side.PBX, LinkStatus(waits_for=Awaited.USERS))

    def unstable(self) -> PbxLinkUnstable | None:
        """Return how often the link to the PBX was lost lately, since when and by whose end, if that is too often."""
        now = self._clock.now()
        while self._lost and self._lost[0][0] <= now - UNSTABLE_WITHIN:
            self._lost.popleft()
        if len(self._lost) < UNSTABLE_FROM:
            return None
        ends = Counter(_ender(failure).value for _, failure in self._lost)
        ended_by = ", ".join(f"{ender} ({times} times)" for ender, times in ends.most_common())
        since, (_, last) = self._lost[0][0], self._lost[-1]
        return PbxLinkUnstable(
            f"lost {len(self._lost)} times since {since:%Y-%m-%d %H:%M:%S} UTC, ended by {ended_by}; "
            f"the last time: {last}"
        )

    def users_are_known(self) -> None:
        """There is somebody whose mailbox can be looked for."""
        if self._states[Side.EXCHANGE].waits_for is Awaited.USERS:
            self._set(Side.EXCHANGE, LinkStatus(waits_for=Awaited.FIRST_TRY))

    def _set(self, side: Side, state: LinkStatus) -> None:
        before = self._states[side]
        since = before.since if before.works == state.works else self._clock.now()
        self._states[side] = replace(state, since=since)


def _ender(failure: Failure) -> Ender:
    """Whatever is not a lost connection is a reason of ours to end it."""
    return failure.by if isinstance(failure, PbxConnectionLost) else Ender.ENGINE
