"""Hanging mailboxes give way to others, and a throttled service account is not used; over real sockets.

How long anybody waits is measured in virtual time, in test_nobody_waits.
"""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.exchange.errors import ServiceAccountBusy
from engine.simulator.company import Company, pbx_user
from engine.simulator.faults import ErrorCode, Hold, server_busy
from engine.simulator.world import generate
from engine.sync.events import AccountPaused, ConnectionLost
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import ews_schema, running_engine

pytestmark = pytest.mark.slow

LANES = 8
EXCHANGE = {"connections": LANES, "ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}
TABLES: dict[str, dict[str, object]] = {"exchange": EXCHANGE, "pbx": {"writes_per_second": 1000}}
NO_NOTIFICATIONS = ErrorCode("ErrorExceededSubscriptionCount")


async def test_more_mailboxes_than_there_are_lanes_hang_and_the_others_are_read(tmp_path: Path) -> None:
    world = generate(24, 5, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    clock = ManualClock(world.instant("09:05"))
    hanging, healthy = world.people[: LANES + 2], world.people[LANES + 2 :]
    async with (
        Company(world, tmp_path, clock, schema=ews_schema()) as company,
        running_engine(company, clock, tmp_path, TABLES) as site,
    ):
        exchange = company.exchange
        exchange.faults.add(NO_NOTIFICATIONS, operation="Subscribe")
        await site.settled()
        held = {person.mailbox: Hold() for person in hanging}
        for mailbox, hold in held.items():
            exchange.faults.add(hold, operation="FindItem", mailbox=mailbox or "")
        exchange.ledger.clear()
        for person in world.people:
            site.engine.resync(person.guid)
        addresses = {person.mailbox for person in healthy}
        await eventually(
            lambda: addresses <= {each.mailbox for each in exchange.ledger.records(operation="FindItem", status=200)}
        )
        exchange.faults.clear()
        for hold in held.values():
            hold.release.set()
        await site.settled()
        assert site.wrong() == {}
        assert [each for each in site.events if isinstance(each, ConnectionLost)] == []


async def test_a_throttled_service_account_is_left_alone_while_known_mailboxes_are_read(tmp_path: Path) -> None:
    world = generate(20, 5, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    clock = ManualClock(world.instant("09:05"))
    newcomer, *known = world.people
    async with (
        Company(world, tmp_path, clock, schema=ews_schema()) as company,
        running_engine(company, clock, tmp_path, TABLES) as site,
    ):
        company.exchange.faults.add(NO_NOTIFICATIONS, operation="Subscribe")
        company.pbx.delete_user(newcomer.guid)
        await eventually(lambda: site.engine.status().resolved == len(known))
        await site.settled()
        company.exchange.faults.add(server_busy(300_000), operation="ResolveNames", times=1)
        company.pbx.add_user(pbx_user(newcomer))
        paused = await site.happens(AccountPaused)
        assert isinstance(paused.failure, ServiceAccountBusy)
        company.exchange.ledger.clear()
        await site.pass_time(minutes=3)
        ledger = company.exchange.ledger
        assert {record.mailbox for record in ledger.records(operation="FindItem")} == {p.mailbox for p in known}
        assert ledger.operations["ResolveNames"] == 0
        assert [each for each in site.events if isinstance(each, ConnectionLost)] == []
