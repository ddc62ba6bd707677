"""Users with an internationalised mail domain are found in Exchange."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.simulator.world import Person, World
from tests.support.clock import ManualClock
from tests.support.site import running_site

pytestmark = pytest.mark.slow

EWS_URL = "https://mail.corp.example/EWS/Exchange.asmx"


@pytest.mark.parametrize("listed", [("anna@münchen.example",), ("nobody@köln.example", "Anna@MÜNCHEN.example.")])
async def test_the_calendar_is_read_and_shown(tmp_path: Path, listed: tuple[str, ...]) -> None:
    anna = Person(name="anna", display_name="Anna Müller", mailbox="anna@xn--mnchen-3ya.example", pbx_addresses=listed)
    world = World(date(2026, 3, 2), ZoneInfo("Europe/Berlin"), (anna,))
    world.put("anna@xn--mnchen-3ya.example", world.appointment("m", "09:00-10:00", subject="Jour fixe"))
    clock = ManualClock(world.instant("09:05"))
    async with running_site(world, tmp_path, clock, exchange={"ews_url": EWS_URL}) as site:
        await site.settled()
        assert site.shown(anna).activity == "busy"
        assert site.wrong() == {}
