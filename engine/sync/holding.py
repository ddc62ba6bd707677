"""Holds what would clear most presences until it is confirmed, and stores what was let through."""

import logging
from collections.abc import Callable

from engine.core.clock import Clock
from engine.store.errors import StoreFailure
from engine.store.presence import RemovalsStore
from engine.sync.decider import Decider
from engine.sync.events import Event, ServiceChanged
from engine.sync.hold import GRACE, Held
from engine.sync.participants import Membership
from engine.sync.scheduling import WakeableTimer

logger = logging.getLogger(__name__)


class Holding:
    """The held change, whether it is one of who takes part or of what is shown. `meant` stores what was let through;
    `finished` is called whenever nothing is left to be weighed."""

    def __init__(
        self,
        directory: Membership,
        decider: Decider,
        meant: RemovalsStore,
        network_clock: Clock,
        *,
        report: Callable[[Event], None],
        finished: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._decider = decider
        self._meant = meant
        self._network_clock = network_clock
        self._report = report
        self._finished = finished
        self._weighing = WakeableTimer(network_clock)
        self._noting = WakeableTimer(network_clock)

    @property
    def held(self) -> Held | None:
        """The change that waits for confirmation, None if none does."""
        return self._directory.held or self._decider.held

    async def remember(self) -> None:
        """Load what earlier runs let through."""
        await self.remember_who_left()
        self._decider.begin(await self._meant.settings())

    async def remember_who_left(self) -> None:
        """Load who was let go, in an earlier run or by another engine."""
        self._directory.let_go |= await self._meant.let_go()

    async def confirm(self) -> Held | None:
        """Carry out the held change; return it, None if nothing is held.

        The confirmation is stored first: otherwise a restart would hold again what is cleared by then, and write the
        presences again. Raises a `StoreFailure` if it cannot be stored; then nothing has happened.
        """
        confirmed = self.held
        if confirmed is None:
            return None
        await self._meant.note(self._decider.settings, self._directory.let_go_once_confirmed)
        self._directory.confirm()
        self._decider.confirm()
        self._report(ServiceChanged())
        return confirmed

    def weigh_soon(self) -> None:
        """Weigh, once what changes together has had time to arrive."""
        self._weighing.wake()

    def note_soon(self) -> None:
        """Store what was let through."""
        self._noting.wake()

    async def weigh(self) -> None:
        """Weigh who leaves, until cancelled."""
        while True:
            await self._weighing.wait(None)
            await self._network_clock.sleep_until(self._network_clock.now() + GRACE)
            self._directory.weigh()
            self._report(ServiceChanged())
            self._finished()

    async def note(self) -> None:
        """Store what was let through, until cancelled."""
        while True:
            await self._noting.wait(None)
            try:
                await self._meant.note(self._decider.let_through, self._directory.let_go)
            except StoreFailure as failure:
                logger.warning("the accepted settings cannot be stored: %s", failure)
