"""The wall clock is set while the engine runs, as on a machine that synchronises after its start."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import running_site
from tests.support.worlds import few_people

pytestmark = pytest.mark.slow


class SettableClock(ManualClock):
    def set_back(self, by: timedelta) -> None:
        self._now -= by


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(days=1)], ids=str)
async def test_after_the_clock_was_set_back_presences_are_those_of_the_right_time(
    tmp_path: Path, by: timedelta
) -> None:
    world = few_people(date(2026, 3, 2))
    clock = SettableClock(world.instant("10:15") + by)
    async with running_site(world, tmp_path, clock) as site:
        await site.settled()
        clock.set_back(by)
        assert site.wrong() != {}
        await eventually(lambda: not site.wrong())


async def test_a_clock_that_was_put_ahead_and_back_within_seconds_leaves_nothing_behind(tmp_path: Path) -> None:
    world = few_people(date(2026, 3, 2))
    clock = SettableClock(world.instant("10:15"))
    async with running_site(world, tmp_path, clock) as site:
        await site.settled()
        before = site.expected(world.people[0])
        await clock.advance(timedelta(days=1.5).total_seconds())
        await eventually(lambda: site.shown(world.people[0]) != before)
        clock.set_back(timedelta(days=1.5))
        assert site.wrong() != {}
        await eventually(lambda: not site.wrong())


async def test_after_the_clock_was_put_ahead_presences_are_those_of_the_right_time(tmp_path: Path) -> None:
    world = few_people(date(2026, 3, 2))
    clock = ManualClock(world.instant("10:15", -3))
    async with running_site(world, tmp_path, clock) as site:
        await site.settled()
        before = {person.name: site.shown(person) for person in world.people}
        await clock.advance_to(world.instant("10:15"))
        await eventually(lambda: not site.wrong())
        assert {person.name: site.shown(person) for person in world.people} != before
