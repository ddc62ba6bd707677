"""Many mailboxes over few connections, as seen by the simulators."""

from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.simulator.company import Company
from engine.simulator.exchange.authentication import Seen
from engine.simulator.faults import Delay
from engine.simulator.world import generate
from engine.sync.clocks import SteadyClock
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import ews_schema, running_engine, running_site

pytestmark = pytest.mark.slow


async def test_200_mailboxes_through_8_lanes_cost_8_handshakes_and_no_other_401(tmp_path: Path) -> None:
    world = generate(200, 20, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    clock = ManualClock(world.instant("09:05"))
    tables: dict[str, dict[str, Any]] = {
        "exchange": {"connections": 8, "ews_url": "https://mail.corp.example/EWS/Exchange.asmx"},
        "pbx": {"writes_per_second": 1000},
    }
    async with (
        Company(world, tmp_path, clock, schema=ews_schema()) as company,
        # At the speed of everyday life: where the processors are busy elsewhere, no answer counts as overdue.
        running_engine(company, clock, tmp_path, tables, SteadyClock()) as site,
    ):
        # A server that takes its time, so that all lanes are needed.
        slow = site.company.exchange.faults.add(Delay(0.03))
        await site.settled()
        site.company.exchange.faults.clear(slow)
        assert site.wrong() == {}
        await site.pass_time(minutes=10)
        assert site.wrong() == {}

        # Until the last stream has begun, its connection is there and its log-in is not.
        await eventually(lambda: site.engine.status().watched == 200)
        ledger = site.company.exchange.ledger
        assert ledger.operations["FindItem"] >= 200
        assert ledger.operations["Subscribe"] == 200
        connections = 8 + ledger.operations["GetStreamingEvents"]
        assert ledger.connections == ledger.refusals == connections
        assert site.company.exchange.log_ins == {Seen.CHALLENGED: connections, Seen.LOGGED_IN: connections}
        assert ledger.complaints == []


async def test_a_site_without_users_has_nothing_to_wait_for(tmp_path: Path) -> None:
    world = generate(0, 0, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    async with running_site(world, tmp_path, ManualClock(world.instant("09:05"))) as site:
        await site.settled()
        assert site.engine.status().pbx.works


async def test_nobody_is_written_twice_for_the_same_presence(tmp_path: Path) -> None:
    world = generate(30, 10, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    clock = ManualClock(world.instant("09:18"))
    async with running_site(world, tmp_path, clock, pbx={"writes_per_second": 1000}) as site:
        await site.settled()
        first = len(site.company.pbx.ledger.writes)
        for _ in range(5):
            for person in world.people:
                site.engine.resync(person.guid)
            await site.pass_time(minutes=2)
        assert site.company.exchange.ledger.operations["FindItem"] >= 5 * 30
        assert len(site.company.pbx.ledger.writes) == first == 30
