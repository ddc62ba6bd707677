"""Puts back what an interrupted presence test left in the PBX, as soon as the engine is connected to it."""

import logging
from datetime import timedelta

from engine.checks.put_back import PresencesNotPutBack, UnfinishedTest, put_back
from engine.core.claims import LeaseEnded
from engine.core.clock import Clock
from engine.pbx.errors import PbxFailure
from engine.supervisor.supervisor import Supervisor
from engine.sync.events import ConnectionRestored, Event, ServiceChanged, Side
from engine.sync.scheduling import WakeableTimer

logger = logging.getLogger(__name__)

AGAIN = timedelta(minutes=1)
"""Pause before another attempt. `clock` is the network clock."""


class PutBackLater:
    """Finishes the `unfinished` test of an earlier run, or of one that was cancelled without a connection."""

    def __init__(self, service: Supervisor, unfinished: UnfinishedTest, clock: Clock) -> None:
        self._service = service
        self._unfinished = unfinished
        self._clock = clock
        self._alarm = WakeableTimer(clock)
        service.current.observe(self._observe)

    async def run(self) -> None:
        """Put back until cancelled."""
        while True:
            await self._put_back()
            await self._alarm.wait(self._clock.now() + AGAIN)

    def _observe(self, event: Event) -> None:
        match event:
            case ConnectionRestored(Side.PBX):
                self._alarm.wake()
            case _:
                pass

    async def _put_back(self) -> None:
        before, settings = self._unfinished.before, self._service.settings
        access = self._service.current.pbx_access
        is_linked = self._service.current.link(Side.PBX).works
        if before is None or self._unfinished.is_under_way or settings is None or access is None or not is_linked:
            return
        if before.pbx == settings.pbx.place:
            try:
                async with access.lent_link(before.user.guid) as link:
                    await put_back(link, before, {})
            except (PbxFailure, PresencesNotPutBack, LeaseEnded) as failure:
                logger.warning("%s. %s", failure, failure.remedy)
                return
            logger.info("presences of %s are as before the presence test", before.user.guid)
        await self._unfinished.end()
        self._service.current.report(ServiceChanged())
