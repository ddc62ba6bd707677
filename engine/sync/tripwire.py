"""Notices that somebody else writes presences of this engine's users, of which the shared database does not know."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.claims import LeaseEnded
from engine.core.clock import Clock
from engine.core.presence.model import Presence
from engine.core.users import User
from engine.store.errors import StoreFailure
from engine.sync.events import Event, ServiceChanged
from engine.sync.share import Share, Sighting

logger = logging.getLogger(__name__)

WITHIN = timedelta(minutes=10)
"""How long after the first time the second one counts."""

READ_AGAIN = timedelta(minutes=1)
"""How often users are read back meanwhile: what another program does is seen by nothing else."""

MOST_READ_AGAIN = 20
"""Users who are read back so often: if there are more, some of these are enough to find out."""

LOOK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _First:
    """What was found the first time, beside the presence that the PBX had confirmed, and when."""

    found: Presence
    confirmed: Presence
    at: datetime


class Tripwire:
    """Ends writing for a shard when, for one of its users, a presence was found twice that neither this engine nor the
    database knows: each time another one, or after this engine has written in between.

    One that merely stays is another program's business. `read_again` has users read back, and `report` is told when
    writing has ended.
    """

    def __init__(
        self,
        share: Share,
        network_clock: Clock,
        report: Callable[[Event], None],
        read_again: Callable[[Iterable[str]], None],
    ) -> None:
        self._share = share
        self._network_clock = network_clock
        self._report = report
        self._read_again = read_again
        self._first: dict[str, _First] = {}
        self._again_at = network_clock.now()

    def forget(self) -> None:
        """Write all users again: whoever else was writing is stopped."""
        self._first.clear()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            while self._share.sightings:
                await self._weigh(self._share.sightings.popleft())
            now = self._network_clock.now()
            self._first = {guid: first for guid, first in self._first.items() if now - first.at < WITHIN}
            if self._first and now >= self._again_at:
                self._again_at = now + READ_AGAIN
                self._read_again(list(self._first)[:MOST_READ_AGAIN])
            await self._network_clock.sleep_until(now + LOOK)

    async def _weigh(self, sighting: Sighting) -> None:
        guid, now = sighting.user.guid, self._network_clock.now()
        if not await self._is_unknown(sighting):
            return
        before = self._first.setdefault(guid, _First(sighting.found, sighting.confirmed, now))
        if (before.found, before.confirmed) != (sighting.found, sighting.confirmed) and now - before.at < WITHIN:
            self._halt(sighting.user)

    async def _is_unknown(self, sighting: Sighting) -> bool:
        """Return whether the database does not know of a presence either, as far as it can be asked, and the user is
        still this engine's."""
        claim = self._share.claim(sighting.user.guid)
        if claim is None:
            return False
        try:
            stored = (await self._share.load(claim)).get(sighting.user.guid)
        except (LeaseEnded, StoreFailure):
            return False
        return stored is None or sighting.found not in (stored.acknowledged, stored.intended)

    def _halt(self, user: User) -> None:
        logger.error("another program writes presences as well: nothing is written for the shard of %s", user.label)
        self._share.halts.add(self._share.shard_of(user.guid), user.label)
        self._report(ServiceChanged())
