"""The main function: at every minute of a day the PBX shows the presences of all calendars, wherever those are."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.simulator.company import HybridCompany, PbxSite
from engine.simulator.world import Person, World
from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.site import SiteOf, ews_schema, running_cloud_site, running_engine, running_site

pytestmark = pytest.mark.slow

MONDAY = date(2026, 3, 2)
TABLES: Mapping[str, Mapping[str, Any]] = {
    "presence": {"show_subject": True, "tentative_exception_organizer": "hr@corp.example", "language": "de"},
    "exchange": {"poll_seconds": 3600},
}


async def test_every_minute_of_the_day_the_pbx_shows_what_the_calendars_say(tmp_path: Path) -> None:
    """Two sites of the same people: one has an Exchange of its own, and the other one is in Exchange Online."""
    world = corp_world(MONDAY)
    clock = ManualClock(world.instant("00:00"))
    by_ews, by_graph = tmp_path / "ews", tmp_path / "graph"
    by_ews.mkdir()
    by_graph.mkdir()
    async with (
        running_site(world, by_ews, clock, **TABLES) as site,
        running_cloud_site(world, by_graph, clock, **TABLES) as cloud,
    ):
        await every_minute(clock, world, (site, cloud))
        assert site.company.exchange.ledger.complaints == cloud.company.graph.ledger.complaints == []
        for person in world.people:
            assert notes(site.company, person) == notes(cloud.company, person), person.name


async def every_minute(clock: ManualClock, world: World, sites: Sequence[SiteOf[Any]]) -> None:
    """Let a day pass, and look at the PBX of each site in every minute of it."""
    for site in sites:
        await site.settled()
    for minute in range(24 * 60):
        for site in sites:
            assert site.wrong() == {}, clock.now()
        await clock.advance(60)
        for site in sites:
            await site.settled()
        assert clock.now() == world.instant("00:00") + timedelta(minutes=minute + 1)
    for site in sites:
        status = site.engine.status()
        assert status.users == len(world.people)
        assert {problem.user.guid for problem in status.unresolved} == site.company.without_calendar()
        assert len(site.company.pbx.ledger.writes) > 100
        for person in world.people:
            written = notes(site.company, person)
            assert all(one != following for one, following in itertools.pairwise(written)), person.name


def notes(company: PbxSite, person: Person) -> list[tuple[str | None, str | None]]:
    """Return the presences that were written for somebody, in their order."""
    return [(write.activity, write.note) for write in company.pbx.ledger.writes_of(person.guid)]


async def test_every_minute_of_the_day_both_halves_are_shown(tmp_path: Path) -> None:
    world = corp_world(MONDAY)
    clock = ManualClock(world.instant("00:00"))
    company = HybridCompany(world, tmp_path, clock, schema=ews_schema())
    people = [person for person in world.people if person.mailbox and person.may_impersonate]
    company.move_online(*people[::2])
    async with company, running_engine(company, clock, tmp_path, TABLES) as site:
        await site.settled()
        for minute in range(24 * 60):
            assert site.wrong() == {}, clock.now()
            if minute == 12 * 60:
                company.move_online(*people[1::4])
                company.move_back(*people[::4])
            await site.pass_time(minutes=1)
        assert {problem.user.guid for problem in site.engine.status().unresolved} == company.without_calendar()
        assert company.exchange.ledger.complaints == []
        assert company.online.graph.ledger.complaints == []
