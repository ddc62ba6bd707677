"""All users change at once: the writer with the real link and the simulated PBX, with pace and memory."""

import asyncio
import time
import tracemalloc
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from engine.core.claims import UNLIMITED, Claim
from engine.core.presence.model import Presence
from engine.pbx.client import PbxLink
from engine.pbx.events import UsersComplete
from engine.simulator.pbx.server import PbxSimulator
from tests.pbx.support import PASSWORD, pbx_user, running_link, settings_for
from tests.support.eventually import eventually
from tests.support.idle_time import pauses_pass_quickly
from tests.sync.writing import running_writer

IN_FLIGHT = 10


@dataclass(frozen=True)
class Flood:
    """The figures of a flood. `busiest_second` is the most writes within any second of network time."""

    writes: int
    wrong: int
    stale: int
    busiest_second: int
    most_at_once: int
    most_tasks: int
    copied_in: float
    grown_by: int


class CountingLink:
    """The link, and how many writes wait for their answer at the same time."""

    def __init__(self, link: PbxLink) -> None:
        self._link = link
        self._at_once = 0
        self.most_at_once = 0
        self.most_tasks = 0

    async def set_presence(self, guid: str, presence: Presence, *, contact: str = "", claim: Claim = UNLIMITED) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self.most_tasks = max(self.most_tasks, len(asyncio.all_tasks()))
        try:
            await self._link.set_presence(guid, presence, claim=claim)
        finally:
            self._at_once -= 1

    async def read_presence(self, user_name: str) -> Presence:
        return await self._link.read_presence(user_name)


async def flood(users: int, per_second: float, speed: float, directory: Path) -> Flood:
    """Change everybody's presence four times within a second of network time, and wait until the PBX shows it."""
    clock = pauses_pass_quickly(speed)
    everybody = [pbx_user(number) for number in range(users)]
    begun = time.monotonic()
    async with (
        PbxSimulator(clock, password=PASSWORD, users=everybody) as pbx,
        running_link(settings_for(pbx), clock) as (link, heard),
    ):
        await heard.first(UsersComplete)
        copied_in = time.monotonic() - begun
        counting = CountingLink(link)
        guids = [user.guid for user in everybody]
        async with running_writer(
            counting, guids, directory, clock, per_second=per_second, in_flight=IN_FLIGHT
        ) as harness:
            harness.writer.link_is_up()
            tracemalloc.start()
            for change in range(4):
                for guid in guids:
                    harness.desire(guid, Presence("busy", f"change {change}"))
                await asyncio.sleep(0.25 / speed)
            await eventually(harness.writer.is_idle)
            grown_by = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    newest = Presence("busy", "change 3")
    instants = [write.at for write in pbx.ledger.writes]
    return Flood(
        writes=len(instants),
        wrong=sum(pbx.calendar_presence(guid) != newest for guid in guids),
        stale=sum(write.note != newest.note for write in pbx.ledger.writes),
        busiest_second=busiest(instants, timedelta(seconds=1)),
        most_at_once=counting.most_at_once,
        most_tasks=counting.most_tasks,
        copied_in=copied_in,
        grown_by=grown_by,
    )


def busiest(instants: Sequence[datetime], span: timedelta) -> int:
    """Return the maximum number of the ordered instants within one `span`."""
    return max(number + 1 - bisect_left(instants, instant - span) for number, instant in enumerate(instants))
