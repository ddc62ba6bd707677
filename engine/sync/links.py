"""How the two sides are: working or not, since when, and what is waited for."""

from dataclasses import replace

from engine.core.clock import Clock
from engine.sync.happenings import LinkRecovered, LinkTrouble, Side
from engine.sync.status import Awaited, LinkStatus


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

    def __getitem__(self, side: Side) -> LinkStatus:
        return self._states[side]

    def note(self, happening: LinkTrouble | LinkRecovered) -> None:
        """Take in that a side works, or does not."""
        match happening:
            case LinkTrouble(side, failure, until):
                awaited = Awaited.CALL if until is None else Awaited.NEXT_TRY
                self._set(side, LinkStatus(failure=failure, retry_at=until, waits_for=awaited))
            case LinkRecovered(side):
                self._set(side, LinkStatus(works=True))

    def pbx_is_connected(self) -> None:
        """The PBX is there, but it has not told all of its users yet."""
        self._set(Side.PBX, LinkStatus(waits_for=Awaited.USERS))

    def users_are_known(self) -> None:
        """There is somebody whose mailbox can be looked for."""
        if self._states[Side.EXCHANGE].waits_for is Awaited.USERS:
            self._set(Side.EXCHANGE, LinkStatus(waits_for=Awaited.FIRST_TRY))

    def _set(self, side: Side, state: LinkStatus) -> None:
        before = self._states[side]
        since = before.since if before.works == state.works else self._clock.now()
        self._states[side] = replace(state, since=since)
