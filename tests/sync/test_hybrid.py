"""The whole engine on an organisation with mailboxes on premises and in Exchange Online: who is where, and moves."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.errors import Failure
from engine.exchange.errors import MailboxNotFound
from engine.simulator.company import HybridCompany
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import Cut, Hold, Unauthorized, service_unavailable
from engine.simulator.graph.errors import throttled
from engine.simulator.world import Person, World
from engine.sync.events import ConnectionLost, Side, UserTrouble
from tests.support.checked_graph import Checked
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import SiteOf, ews_schema, running_engine

pytestmark = [pytest.mark.slow, pytest.mark.few]

HybridSite = SiteOf[HybridCompany]
Fails = Callable[[HybridCompany], None]
SHOWN = {"show_subject": True}


@pytest.fixture
def checked() -> Checked:
    return Checked()


@pytest.fixture(params=["Mailbox", "Contact"])
async def company(
    request: pytest.FixtureRequest, world: World, clock: ManualClock, tmp_path: Path, checked: Checked
) -> AsyncIterator[HybridCompany]:
    behaviour = Behaviour(remote_mailbox_type=request.param)
    company = HybridCompany(
        world, tmp_path, clock, schema=ews_schema(), behaviour=behaviour, graph_options={"observe": checked}
    )
    company.move_online(*online(world))
    async with company:
        yield company
    assert checked.findings == []


@pytest.fixture
async def site(company: HybridCompany, clock: ManualClock, tmp_path: Path) -> AsyncIterator[HybridSite]:
    async with running_engine(company, clock, tmp_path, {"presence": SHOWN}) as site:
        await site.settled()
        await eventually(lambda: site.engine.status().watched == len(on_premises(company.world)))
        yield site


def readable(world: World) -> list[Person]:
    return [person for person in world.people if person.mailbox and person.may_impersonate]


def online(world: World) -> list[Person]:
    return readable(world)[::2]


def on_premises(world: World) -> list[Person]:
    return readable(world)[1::2]


def meet(site: HybridSite, *people: Person, key: str = "new") -> None:
    meet_at(site.clock, site.company.world, *people, key=key)


def meet_at(clock: ManualClock, world: World, *people: Person, key: str = "new") -> None:
    now = clock.now()
    for person in people:
        item = replace(
            world.appointment(key, "00:00-01:00", subject=key), start=now, end=now + timedelta(hours=3), modified=now
        )
        world.put(person.mailbox or "", item)


def lost(site: HybridSite) -> list[tuple[Side, type[Failure]]]:
    return [(each.side, type(each.failure)) for each in site.events if isinstance(each, ConnectionLost)]


def missing(site: HybridSite) -> list[str]:
    return [
        each.user.name
        for each in site.events
        if isinstance(each, UserTrouble) and isinstance(each.failure, MailboxNotFound)
    ]


async def test_everybody_is_read_where_the_mailbox_is(site: HybridSite) -> None:
    world = site.company.world
    assert site.wrong() == {}
    status = site.engine.status()
    assert status.exchange.works
    assert status.exchange_online is not None
    assert status.exchange_online.works
    assert lost(site) == []
    assert {problem.user.guid for problem in status.unresolved} == site.company.without_calendar()
    root = site.company.online.graph.url
    for person in readable(world):
        details = site.engine.details(person.guid, site.clock.now())
        assert details is not None
        assert details.mailbox is not None
        assert details.mailbox.url.startswith(root) == site.company.is_online(person), person.name
    meet(site, *online(world)[:3], *on_premises(world)[:3])
    await site.pass_time(minutes=5)
    await eventually(lambda: site.wrong() == {}, site.wrong)  # a notification is passed on after a moment of its own


async def test_moves_in_both_directions_are_noticed_with_the_next_reading(site: HybridSite) -> None:
    world = site.company.world
    first, second, *_ = online(world)
    third, fourth, *_ = on_premises(world)
    site.company.move_back(first, second)
    site.company.move_online(third, fourth)
    meet(site, first, second, third, fourth)
    for person in (first, second, third, fourth):
        site.engine.resync(person.guid)
    await site.settled()
    assert site.wrong() == {}
    assert set(missing(site)) == {"empfang"}
    root = site.company.online.graph.url
    for person in (first, second, third, fourth):
        details = site.engine.details(person.guid, site.clock.now())
        assert details is not None
        assert details.mailbox is not None
        assert details.mailbox.url.startswith(root) == site.company.is_online(person)
    # Whoever is back on premises is watched again, and whoever left is polled.
    await eventually(lambda: [each for each in [site.engine.summary(first.guid)] if each and each.is_watched])
    for person in (first, third):
        world.clear(person.mailbox or "")
    meet(site, first, third, key="later")
    await site.clock.advance(300)
    await eventually(lambda: not site.wrong(), site.wrong)


def on_premises_is_down(company: HybridCompany) -> None:
    company.exchange.faults.add(Cut(), anonymous=True)


def on_premises_asks_for_pauses(company: HybridCompany) -> None:
    company.exchange.faults.add(service_unavailable(60))


def on_premises_refuses_the_log_in(company: HybridCompany) -> None:
    company.exchange.accounts.update(dict.fromkeys(company.exchange.accounts, "another"))
    for stream in list(company.exchange.subscriptions.streams):
        stream.cut()
    company.exchange.faults.add(Unauthorized())


def on_premises_is_slow(company: HybridCompany) -> None:
    company.exchange.faults.add(Hold())


def online_is_down(company: HybridCompany) -> None:
    company.online.graph.faults.add(Cut(), anonymous=True)


def online_asks_for_pauses(company: HybridCompany) -> None:
    company.online.graph.faults.add(throttled(60))


def online_refuses_the_token(company: HybridCompany) -> None:
    company.online.entra.revoke_tokens()
    company.online.application.client_secrets.clear()


def online_is_slow(company: HybridCompany) -> None:
    company.online.graph.faults.add(Hold())


ON_PREMISES = (on_premises_is_down, on_premises_asks_for_pauses, on_premises_refuses_the_log_in, on_premises_is_slow)
ONLINE = (online_is_down, online_asks_for_pauses, online_refuses_the_token, online_is_slow)


@pytest.mark.parametrize("fails", [*ON_PREMISES, *ONLINE])
async def test_what_fails_on_one_side_delays_nobody_of_the_other(site: HybridSite, fails: Fails) -> None:
    world = site.company.world
    healthy, ill = (online(world), on_premises(world)) if fails in ON_PREMISES else (on_premises(world), online(world))
    side = Side.EXCHANGE if fails in ON_PREMISES else Side.EXCHANGE_ONLINE
    fails(site.company)
    for person in ill:
        site.engine.resync(person.guid)
    await site.clock.advance(120)
    await eventually(lambda: lost(site) or fails in (on_premises_is_slow, online_is_slow, online_asks_for_pauses))
    for minute in range(3):
        for person in healthy:
            world.clear(person.mailbox or "")
        meet(site, *healthy, key=f"at minute {minute}")
        for person in healthy:
            site.engine.resync(person.guid)
        await eventually(lambda: not set(site.wrong()) & {person.name for person in healthy}, site.wrong)
        await site.clock.advance(120)
    assert {each for each, _ in lost(site)} <= {side}
    assert set(missing(site)) <= {"empfang"}


@pytest.mark.parametrize("fails", [*ON_PREMISES, *ONLINE])
async def test_after_a_restart_the_users_of_the_side_that_works_are_found(
    company: HybridCompany, clock: ManualClock, tmp_path: Path, fails: Fails
) -> None:
    world = company.world
    healthy = online(world) if fails in ON_PREMISES else on_premises(world)
    meet_at(clock, world, *healthy)
    fails(company)
    async with running_engine(company, clock, tmp_path, {"presence": SHOWN}) as site:
        await eventually(lambda: not set(site.wrong()) & {person.name for person in healthy}, site.wrong)
        assert missing(site) == []
