"""A dry run does everything except SetPresence, and shows what would be written."""

from datetime import date
from pathlib import Path

import pytest

from engine.core.presence.model import CLEARED
from engine.simulator.company import Company
from engine.sync.events import PresenceConfirmed, PresenceWithheld
from tests.support.clock import ManualClock
from tests.support.site import Site, ews_schema, running_engine
from tests.support.worlds import few_people

pytestmark = pytest.mark.slow

MONDAY = date(2026, 3, 2)
DRY = {"engine": {"dry_run": True}}


def withheld(site: Site) -> dict[str, object]:
    return {each.user.guid: each.presence for each in site.events if isinstance(each, PresenceWithheld)}


async def test_nothing_is_written_and_all_of_it_is_told(tmp_path: Path) -> None:
    world = few_people(MONDAY)
    clock = ManualClock(world.instant("09:20"))
    async with Company(world, tmp_path, clock, schema=ews_schema()) as company:
        async with running_engine(company, clock, tmp_path, DRY) as site:
            await site.settled()
            expected = {person.guid: site.expected(person) for person in world.people}
            due = {guid: presence for guid, presence in expected.items() if presence != CLEARED}
            assert withheld(site) == due
            told = len(site.events)
            company.pbx.drop()
            await site.pass_time(minutes=15)
            again = {person.guid: site.expected(person) for person in world.people}
            assert {guid: withheld(site).get(guid, CLEARED) for guid in again} == again
            assert len(site.events) > told
            assert not any(isinstance(each, PresenceConfirmed) for each in site.events)
        assert company.pbx.ledger.writes == []
        async with running_engine(company, clock, tmp_path, {}) as site:
            await site.settled()
            assert site.wrong() == {}


async def test_what_an_earlier_run_wrote_stays(tmp_path: Path) -> None:
    world = few_people(MONDAY)
    clock = ManualClock(world.instant("09:20"))
    async with Company(world, tmp_path, clock, schema=ews_schema()) as company:
        async with running_engine(company, clock, tmp_path, {}) as site:
            await site.settled()
        written = len(company.pbx.ledger.writes)
        anna = world.person("anna.mueller")
        company.pbx.set_manual(anna.guid, "dnd")
        selection = {"users": {"exclude": {"names": ["juergen.*"]}}}
        async with running_engine(company, clock, tmp_path, {**DRY, "pbx": selection}) as site:
            await site.settled()
            assert withheld(site) == {world.person("juergen.gross").guid: CLEARED}
        assert len(company.pbx.ledger.writes) == written
        assert company.pbx.presence_entries(anna.guid)[0].activity == "dnd"
        async with running_engine(company, clock, tmp_path, {"pbx": selection}) as site:
            await site.settled()
        assert company.pbx.calendar_presence(world.person("juergen.gross").guid) == CLEARED
