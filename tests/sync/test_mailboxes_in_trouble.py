"""Some mailboxes among 200 are slow, throttled, cut off or answer garbage: the others are read as if they were not."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.exchange.failures import ServiceAccountBusy
from engine.simulator.company import Company, pbx_user
from engine.simulator.faults import Cut, Delay, Effect, ErrorCode, Hold, garbage, server_busy
from engine.simulator.world import Person, World, generate
from engine.sync.happenings import AccountPaused, LinkTrouble
from tests.support.clock import ManualClock
from tests.support.site import Site, ews_schema, running_engine

EXCHANGE = {"connections": 4, "ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}
TABLES: dict[str, dict[str, object]] = {"exchange": EXCHANGE, "pbx": {"writes_per_second": 1000}}
NO_NOTIFICATIONS = ErrorCode("ErrorExceededSubscriptionCount")
TROUBLES: tuple[Effect, ...] = (Delay(1.5), server_busy(600_000), garbage(), Cut(after=10), Cut())


def in_trouble(world: World) -> dict[str, Effect]:
    """Fifty mailboxes, ten of each kind: more slow ones alone than there are lanes."""
    return {person.guid: TROUBLES[index % 5] for index, person in enumerate(world.people) if index % 4 == 0}


async def read_in_the_next_sweep(site: Site, healthy: list[Person]) -> None:
    """Let the next sweep come, and wait until each of these mailboxes was read in it."""
    exchange = site.company.exchange
    exchange.ledger.clear()
    await site.clock.advance(121)
    addresses = {person.mailbox for person in healthy}

    def all_read() -> bool:
        return addresses <= {record.mailbox for record in exchange.ledger.records(operation="FindItem", status=200)}

    await site.eventually(all_read)


async def test_nobody_waits_for_others(tmp_path: Path) -> None:
    world = generate(200, 5, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    clock = ManualClock(world.instant("09:05"))
    troubles = in_trouble(world)
    healthy = [person for person in world.people if person.guid not in troubles]
    async with (
        Company(world, tmp_path, clock, schema=ews_schema()) as company,
        running_engine(company, clock, tmp_path, TABLES) as site,
    ):
        company.exchange.faults.add(NO_NOTIFICATIONS, operation="Subscribe")
        await site.settled()
        faults = company.exchange.faults
        for person in world.people:
            if person.guid in troubles:
                faults.add(troubles[person.guid], operation="FindItem", mailbox=person.mailbox or "")
        for _ in range(2):
            await read_in_the_next_sweep(site, healthy)
            await site.settled()

        # Now the slow ones do not answer at all: more of them than there are lanes.
        before, held = len(site.happenings), Hold()
        for person in world.people:
            if troubles.get(person.guid) == Delay(1.5):
                faults.add(held, operation="FindItem", mailbox=person.mailbox or "")
        for _ in range(2):
            await read_in_the_next_sweep(site, healthy)
        assert held.reached.is_set()
        assert [each for each in site.happenings[before:] if isinstance(each, LinkTrouble)] == []
        assert set(site.wrong()) <= {person.name for person in world.people if person.guid in troubles}
        held.release.set()


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
        await site.eventually(lambda: site.engine.status().resolved == len(known))
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
        assert [each for each in site.happenings if isinstance(each, LinkTrouble)] == []
