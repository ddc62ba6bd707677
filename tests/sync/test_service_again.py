"""A pause of the whole service ends as soon as Exchange is known to work."""

from datetime import date
from pathlib import Path

import pytest

from engine.exchange.errors import EwsForbidden
from engine.simulator.company import Company
from engine.simulator.faults import Hold, Reply, ews_switched_off
from engine.sync.clocks import SteadyClock
from engine.sync.events import ConnectionLost, UserTrouble
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import ews_schema, running_engine
from tests.support.worlds import few_people

pytestmark = pytest.mark.slow

EWS_URL = "https://mail.corp.example/EWS/Exchange.asmx"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(few_people(date(2026, 3, 2)).instant("11:00"))


async def test_an_answer_that_was_under_way_ends_the_pause(tmp_path: Path, clock: ManualClock) -> None:
    """One front end of several is wrong: what another one answers a moment later shows that not all is lost."""
    company = Company(few_people(date(2026, 3, 2)), tmp_path, clock, schema=ews_schema())
    tables = {"exchange": {"ews_url": EWS_URL, "connections": 2}}
    async with company, running_engine(company, clock, tmp_path, tables, SteadyClock()) as site:
        await site.settled()
        slow, *others = [each for each in company.world.people if each.mailbox and each.may_impersonate][:4]
        hold, faults = Hold(), company.exchange.faults
        faults.add(hold, operation="FindItem", mailbox=slow.mailbox or "", times=1)
        site.engine.resync(slow.guid)
        await hold.reached.wait()
        for person in others:
            faults.add(ews_switched_off(), operation="FindItem", mailbox=person.mailbox or "", times=1)
            site.engine.resync(person.guid)
        await eventually(lambda: not site.engine.status().exchange.works)
        hold.release.set()
        await eventually(lambda: site.engine.status().exchange.works)
        reads = company.exchange.ledger.operations["FindItem"]
        site.engine.resync(slow.guid)
        await eventually(lambda: company.exchange.ledger.operations["FindItem"] > reads)


async def test_one_mailbox_that_ews_is_switched_off_for_stops_no_other(tmp_path: Path, clock: ManualClock) -> None:
    """As by Set-CASMailbox -EwsEnabled $false, on premises without a word about the reason."""
    company = Company(few_people(date(2026, 3, 2)), tmp_path, clock, schema=ews_schema())
    async with company, running_engine(company, clock, tmp_path, {"exchange": {"ews_url": EWS_URL}}) as site:
        await site.settled()
        anna, other = company.world.person("anna.mueller"), company.world.person("kweiss")
        company.exchange.faults.add(Reply(403), mailbox=anna.mailbox or "")
        site.engine.resync(anna.guid)
        found = await site.happens(UserTrouble, lambda each: each.user.guid == anna.guid)
        assert isinstance(found.failure, EwsForbidden)
        reads = company.exchange.ledger.operations["FindItem"]
        site.engine.resync(other.guid)
        await eventually(lambda: company.exchange.ledger.operations["FindItem"] > reads)
        assert [each for each in site.events if isinstance(each, ConnectionLost)] == []
