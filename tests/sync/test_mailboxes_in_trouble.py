"""Some mailboxes among 200 are slow, throttled, cut off or answer garbage: the others are read as if they were not."""

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.exchange.failures import ServiceAccountBusy
from engine.simulator.company import Company, pbx_user
from engine.simulator.faults import Cut, Effect, ErrorCode, Hold, garbage, server_busy
from engine.simulator.world import Person, generate
from engine.sync.clocks import SteadyClock
from engine.sync.happenings import AccountPaused, LinkTrouble
from tests.support.clock import ManualClock
from tests.support.site import Site, ews_schema, running_engine

LANES = 8
FOR_SLOW_ONES = LANES // 4
EXCHANGE = {"connections": LANES, "ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}
TABLES: dict[str, dict[str, object]] = {"exchange": EXCHANGE, "pbx": {"writes_per_second": 1000}}
NO_NOTIFICATIONS = ErrorCode("ErrorExceededSubscriptionCount")
TROUBLES: tuple[Effect, ...] = (server_busy(600_000), garbage(), Cut(after=10), Cut())


class LeapingClock(SteadyClock):
    """Time passes as ever, and all at once where a test says so: nothing takes long because the machine is busy."""

    def leap(self, seconds: float) -> None:
        self._start += timedelta(seconds=seconds)


def hold(site: Site, people: Collection[Person]) -> dict[str, Hold]:
    """Have Exchange not answer for these people's calendars until it is let, one by one."""
    held = {person.guid: Hold() for person in people}
    for person in people:
        site.company.exchange.faults.add(held[person.guid], operation="FindItem", mailbox=person.mailbox or "")
    return held


async def answer_late(site: Site, network_clock: LeapingClock, slow: Collection[Person]) -> None:
    """Let the next sweep come, and a minute pass before each answer for the slow ones, but not for any other."""
    calendars, held = site.engine._calendars, hold(site, slow)

    def nothing_else_moves() -> bool:
        visits = calendars._visiting
        due = calendars._timetable.earliest()
        return (
            all(guid in held and held[guid].reached.is_set() and not held[guid].release.is_set() for guid in visits)
            and len(visits) > 0
            and (len(visits) == LANES or due is None or due > site.clock.now())
        )

    await site.clock.advance(121)
    while not all(each.release.is_set() for each in held.values()):
        await site.eventually(nothing_else_moves)
        network_clock.leap(60)
        for guid in calendars._visiting:
            held[guid].release.set()
    await site.settled()


async def read_in_the_next_sweep(site: Site, healthy: Collection[Person]) -> None:
    """Let the next sweep come, and wait until each of these mailboxes was read in it.

    "As if nothing were the matter" is counted in requests, since a stopwatch would measure the machine: until the last
    one was read, Exchange got no more than twice as many as it takes to read them.
    """
    exchange = site.company.exchange
    exchange.ledger.clear()
    await site.clock.advance(121)
    addresses = {person.mailbox for person in healthy}

    def all_read() -> bool:
        return addresses <= {record.mailbox for record in exchange.ledger.records(operation="FindItem", status=200)}

    await site.eventually(all_read)
    assert exchange.ledger.operations["FindItem"] <= 2 * len(healthy)


async def test_nobody_waits_for_others(tmp_path: Path) -> None:
    world = generate(200, 5, date(2026, 3, 2), ZoneInfo("Europe/Berlin"))
    clock, network_clock = ManualClock(world.instant("09:05")), LeapingClock()
    # Fifty mailboxes in trouble: more slow ones alone than there are lanes.
    slow, broken, healthy = world.people[:10], world.people[10:50], world.people[50:]
    async with (
        Company(world, tmp_path, clock, schema=ews_schema()) as company,
        running_engine(company, clock, tmp_path, TABLES, network_clock) as site,
    ):
        faults = company.exchange.faults
        faults.add(NO_NOTIFICATIONS, operation="Subscribe")
        await site.settled()
        for index, person in enumerate(broken):
            faults.add(TROUBLES[index % 4], operation="FindItem", mailbox=person.mailbox or "")
        for _ in range(2):
            await answer_late(site, network_clock, slow)

        # Now the slow ones do not answer at all.
        before, held = len(site.happenings), hold(site, slow)
        for _ in range(2):
            await read_in_the_next_sweep(site, healthy)
        assert sum(each.reached.is_set() for each in held.values()) == FOR_SLOW_ONES
        assert [each for each in site.happenings[before:] if isinstance(each, LinkTrouble)] == []
        assert set(site.wrong()) <= {person.name for person in (*slow, *broken)}
        for each in held.values():
            each.release.set()


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
