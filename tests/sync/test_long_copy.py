"""A long copy of users delays none whose row has already arrived."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.simulator.company import Company
from engine.simulator.world import generate
from engine.sync.clocks import SteadyClock
from engine.sync.events import ConnectionRestored, Side
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import ews_schema, running_engine

pytestmark = pytest.mark.slow


async def test_presences_are_written_while_users_are_still_copied(tmp_path: Path) -> None:
    world = generate(150, 2, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    for person in world.people:
        world.put(person.mailbox or "", world.appointment("now", "09:00-10:00"))
    clock = ManualClock(world.instant("09:05"))
    # What is not answered ends the connection after ten seconds of the network's time: those must not pass here.
    network, tables = SteadyClock(), {"pbx": {"writes_per_second": 1000}}
    async with (
        Company(world, tmp_path, clock, schema=ews_schema()) as company,
        running_engine(company, clock, tmp_path, tables, network) as site,
    ):
        await eventually(lambda: site.engine.status().users > 20)
        site.company.pbx.behaviour.answers_replication = False
        await eventually(lambda: len(site.company.pbx.ledger.writes) > 10)
        assert site.engine.status().users < 150
        assert not any(isinstance(each, ConnectionRestored) and each.side is Side.PBX for each in site.events)
        site.company.pbx.behaviour.answers_replication = True
        site.company.pbx.drop()
        await site.settled()
        assert site.wrong() == {}
        assert len(site.company.pbx.ledger.writes) == 150
