"""A pause for the whole service ends as soon as Exchange is known to work, not when it would have ended by itself."""

from datetime import date
from pathlib import Path

import pytest

from engine.simulator.company import Company
from engine.simulator.faults import Hold, Reply
from engine.simulator.world.corp import corp_world
from engine.sync.clocks import SteadyClock
from tests.support.clock import ManualClock
from tests.support.site import ews_schema, running_engine

EWS_URL = "https://mail.corp.example/EWS/Exchange.asmx"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(corp_world(date(2026, 3, 2)).instant("11:00"))


async def test_an_answer_that_was_under_way_ends_the_pause(tmp_path: Path, clock: ManualClock) -> None:
    """One front end of several is wrong: what another one answers a moment later shows that not all is lost."""
    network_clock = SteadyClock()
    company = Company(corp_world(date(2026, 3, 2)), tmp_path, clock, schema=ews_schema())
    tables = {"exchange": {"ews_url": EWS_URL}}
    async with company, running_engine(company, clock, tmp_path, tables, network_clock) as site:
        await site.settled()
        anna, other = company.world.person("anna.mueller"), company.world.person("kweiss")
        hold = Hold()
        company.exchange.faults.add(hold, operation="FindItem", mailbox=other.mailbox or "", times=1)
        refused = company.exchange.faults.add(Reply(403), operation="FindItem", mailbox=anna.mailbox or "", times=1)
        site.engine.visit(other.guid)
        await hold.reached.wait()
        site.engine.visit(anna.guid)
        await site.eventually(lambda: not site.engine.status().exchange.works)
        assert refused
        hold.release.set()
        await site.eventually(lambda: site.engine.status().exchange.works)
        reads = company.exchange.ledger.operations["FindItem"]
        site.engine.visit(anna.guid)
        await site.eventually(lambda: company.exchange.ledger.operations["FindItem"] > reads)
