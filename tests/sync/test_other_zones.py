"""Whole days of another time zone are whole days in the presence time zone, whenever they are read."""

from datetime import date
from pathlib import Path

import pytest

from engine.core.appointments import ShowAs
from tests.support.clock import ManualClock
from tests.support.site import running_site
from tests.support.worlds import few_people

pytestmark = pytest.mark.slow

MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("zone", "at"),
    [("Asia/Shanghai", "23:50"), ("Pacific/Kiritimati", "12:00"), ("Etc/GMT+12", "00:05")],
)
async def test_a_day_off_made_elsewhere_lasts_our_day(tmp_path: Path, zone: str, at: str) -> None:
    world = few_people(MONDAY)
    anna = world.person("anna.mueller")
    world.clear(anna.mailbox or "")
    world.put(anna.mailbox or "", world.whole_days("off", zone=zone, show_as=ShowAs.OOF))
    clock = ManualClock(world.instant(at))
    async with running_site(world, tmp_path, clock) as site:
        await site.settled()
        assert site.shown(anna).activity == "away"
        assert site.wrong() == {}
