"""A change of a calendar in Exchange Online is in the PBX within the polling interval; what is planned is not late."""

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from engine.simulator.company import CloudCompany
from engine.simulator.world import Person, generate
from tests.support.clock import ManualClock
from tests.support.quiescence import passes, quiescence
from tests.support.site import CloudSite, running_engine

pytestmark = pytest.mark.slow

PEOPLE = 120
POLL = timedelta(seconds=60)
A_SECOND = timedelta(seconds=1)
STEP = 0.5
"""Seconds that pass at a time: whatever can be done at an instant is done before the next one."""


async def test_within_the_interval_and_a_second(tmp_path: Path) -> None:
    random = Random(6)
    world = generate(PEOPLE, 6, date(2026, 3, 2), ZoneInfo("UTC"))
    clock = ManualClock(world.instant("06:58"))
    pbx, exchange = {"writes_per_second": 1000}, {"poll_seconds": int(POLL.total_seconds()), "quiet_hours": []}
    async with (
        CloudCompany(world, tmp_path, clock) as company,
        running_engine(company, clock, tmp_path, {"pbx": pbx, "exchange": exchange}, network_clock=clock) as site,
    ):
        await passes(2 * POLL.total_seconds(), clock)
        while site.wrong():
            await passes(STEP, clock)
        fresh = random.sample(world.people, PEOPLE)
        since: dict[str, datetime] = {}
        changed: set[str] = set()
        delays: list[timedelta] = []
        while fresh or since:
            if fresh:
                changed.add(begin_meeting(site, fresh.pop()))
            await quiescence()
            wrong = site.wrong().keys()
            waited = {name: clock.now() - begun for name, begun in since.items() if name not in wrong}
            # What begins or ends as it was planned waits for no reading.
            assert all(name in changed or wait <= A_SECOND for name, wait in waited.items()), waited
            delays += [wait for name, wait in waited.items() if name in changed]
            since = {name: since.get(name, clock.now()) for name in wrong}
            await clock.advance(STEP)
        assert len(delays) >= PEOPLE * 3 // 4
        assert len([each for each in delays if each <= POLL + A_SECOND]) >= 0.99 * len(delays), sorted(delays)[-10:]


def begin_meeting(site: CloudSite, person: Person) -> str:
    world = site.company.world
    item = world.appointment("new", "00:00-01:00", subject="Kunde Nord ruft an")
    begin = site.clock.now().replace(microsecond=0)
    world.put(person.mailbox or "", replace(item, start=begin, end=begin + timedelta(hours=4)))
    return person.name
