"""A copy of many users takes as many round trips; whoever's row has come does not wait for the others."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.simulator.world import generate
from engine.sync.events import LinkRecovered, Side
from tests.support.clock import ManualClock
from tests.support.site import running_site


async def test_presences_are_written_while_users_are_still_copied(tmp_path: Path) -> None:
    world = generate(150, 2, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    for person in world.people:
        world.put(person.mailbox or "", world.appointment("now", "09:00-10:00"))
    clock = ManualClock(world.instant("09:05"))
    async with running_site(world, tmp_path, clock, pbx={"writes_per_second": 1000}) as site:
        await site.eventually(lambda: site.engine.status().users > 20)
        site.company.pbx.behaviour.answers_replication = False
        await site.eventually(lambda: len(site.company.pbx.ledger.writes) > 10)
        assert site.engine.status().users < 150
        assert not any(isinstance(each, LinkRecovered) and each.side is Side.PBX for each in site.happenings)
        site.company.pbx.behaviour.answers_replication = True
        await site.settled()
        assert site.wrong() == {}
        assert len(site.company.pbx.ledger.writes) == 150
