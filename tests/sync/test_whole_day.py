"""The main function: at every minute of a day the PBX shows the presences of all calendars."""

import itertools
from datetime import date, timedelta
from pathlib import Path

import pytest

from engine.simulator.world.scenarios import corp_world
from tests.support.clock import ManualClock
from tests.support.site import running_site

pytestmark = pytest.mark.slow

MONDAY = date(2026, 3, 2)


async def test_every_minute_of_the_day_the_pbx_shows_what_the_calendars_say(tmp_path: Path) -> None:
    world = corp_world(MONDAY)
    clock = ManualClock(world.instant("00:00"))
    presence = {"show_subject": True, "tentative_exception_organizer": "hr@corp.example", "language": "de"}
    async with running_site(world, tmp_path, clock, presence=presence, exchange={"poll_seconds": 3600}) as site:
        await site.settled()
        for minute in range(24 * 60):
            assert site.wrong() == {}, clock.now()
            await site.pass_time(minutes=1)
            assert clock.now() == world.instant("00:00") + timedelta(minutes=minute + 1)
        status = site.engine.status()
        assert status.users == len(world.people)
        assert {problem.user.guid for problem in status.unresolved} == site.company.without_calendar()
        assert len(site.company.pbx.ledger.writes) > 100
        assert site.company.exchange.ledger.complaints == []
        for person in world.people:
            notes = [(write.activity, write.note) for write in site.company.pbx.ledger.writes_of(person.guid)]
            assert all(one != following for one, following in itertools.pairwise(notes)), person.name
