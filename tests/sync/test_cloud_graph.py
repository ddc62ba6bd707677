"""The whole engine on Exchange Online by Microsoft Graph: many calendars in one request, by polling."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from engine.exchange.errors import ExchangeBusy
from engine.exchange.graph import batches
from engine.exchange.graph.errors import GraphPermissionMissing
from engine.simulator.faults import Cut, Hold, ODataError
from engine.simulator.graph.errors import unknown_error
from engine.simulator.graph.tenant import Hosting
from engine.simulator.world import World
from engine.sync.events import ConnectionLost, ConnectionRestored, Side, UserTrouble
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import CloudSite, running_cloud_site

pytestmark = [pytest.mark.slow, pytest.mark.few]

SHOWN = {"show_subject": True}


@pytest.fixture
async def site(world: World, clock: ManualClock, tmp_path: Path) -> AsyncIterator[CloudSite]:
    async with running_cloud_site(world, tmp_path, clock, presence=SHOWN) as site:
        await site.settled()
        yield site


def lost(site: CloudSite) -> list[ConnectionLost]:
    return [each for each in site.events if isinstance(each, ConnectionLost) and each.side is Side.EXCHANGE]


def connection(site: CloudSite) -> list[ConnectionLost | ConnectionRestored]:
    kinds = ConnectionLost, ConnectionRestored
    return [each for each in site.events if isinstance(each, kinds) and each.side is Side.EXCHANGE]


async def test_presences_follow_the_calendars(site: CloudSite) -> None:
    assert site.wrong() == {}
    await site.pass_time(minutes=15)
    assert site.wrong() == {}
    world = site.company.world
    zoe = world.person("zoe.vandijk")
    world.clear(zoe.mailbox or "")
    world.put(zoe.mailbox or "", world.appointment("new", "09:30-10:30", subject="Kunde Nord ruft an"))
    await site.pass_time(minutes=5)
    assert "Kunde Nord" in site.shown(zoe).note
    assert site.wrong() == {}
    ledger = site.company.graph.ledger
    assert ledger.complaints == []
    assert ledger.operations["calendarView"] > 4 * ledger.operations["batch"]
    assert site.company.entra.ledger.operations == {"discovery": 1, "token": 1}
    assert lost(site) == []


async def test_what_is_not_shown_is_not_asked_for(world: World, clock: ManualClock, tmp_path: Path) -> None:
    async with running_cloud_site(world, tmp_path, clock, presence={"show_subject": False}) as site:
        await site.settled()
        assert site.wrong() == {}
        asked = {unquote(each.query) for each in site.company.graph.ledger.records(operation="calendarView")}
    assert asked
    assert not any(name in each for each in asked for name in ("subject", "body", "attendees", "location", "organizer"))


async def test_whoever_has_no_readable_calendar_is_named(site: CloudSite) -> None:
    troubles = {each.user.name: each.failure.slug for each in site.events if isinstance(each, UserTrouble)}
    assert troubles == {"empfang": "mailbox-not-online", "gerd.vorstand": "graph-access-denied"}


async def test_revoked_tokens_are_replaced_by_one_and_nobody_notices(site: CloudSite) -> None:
    site.company.entra.revoke_tokens()
    await site.pass_time(minutes=15)
    assert site.wrong() == {}
    assert site.company.entra.ledger.operations["token"] == 2
    assert lost(site) == []


async def test_trouble_with_some_mailboxes_is_not_that_of_the_others(site: CloudSite) -> None:
    world, faults = site.company.world, site.company.graph.faults
    faults.add(unknown_error(), mailbox=world.person("anna.mueller").mailbox or "")
    faults.add(Cut(), mailbox=world.person("joerg.schroeder").mailbox or "")
    for person in world.people:
        if person.mailbox and person.may_impersonate:
            world.put(person.mailbox, world.appointment("new", "09:30-11:00", subject="Feuerwehr"))
    await site.clock.advance(timedelta(minutes=15).total_seconds())
    await site.settled()
    assert set(site.wrong()) <= {"anna.mueller", "joerg.schroeder"}
    faults.clear()
    await site.pass_time(minutes=15)
    assert site.wrong() == {}
    assert lost(site) == []


async def test_a_mailbox_without_an_answer_holds_nobody_up(site: CloudSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PATIENCE", 0.2)
    world = site.company.world
    silent = world.person("anna.mueller")
    hold = Hold()
    site.company.graph.faults.add(hold, operation="calendarView", mailbox=silent.mailbox or "")
    for person in world.people:
        if person.mailbox and person.may_impersonate:
            world.put(person.mailbox, world.appointment("new", "09:30-11:00", subject="Feuerwehr"))
    for _ in range(10):
        await site.clock.advance(timedelta(minutes=3).total_seconds())
        await eventually(lambda: set(site.wrong()) <= {silent.name})
    assert hold.reached.is_set()
    assert lost(site) == []
    site.company.graph.faults.clear()
    hold.release.set()
    await site.pass_time(minutes=15)
    assert site.wrong() == {}


async def test_a_permission_that_is_taken_away_is_one_failure_of_the_service(site: CloudSite) -> None:
    site.company.tenant.scoped_role = False
    site.company.entra.revoke_tokens()
    await site.clock.advance(timedelta(minutes=10).total_seconds())
    assert isinstance((await site.happens(ConnectionLost)).failure, GraphPermissionMissing)
    await eventually(lambda: site.wrong() == {})  # what was read before still counts


async def test_throttling_of_everybody_is_a_pause(site: CloudSite) -> None:
    ledger, faults = site.company.graph.ledger, site.company.graph.faults
    fault = faults.add(ODataError(429, "ApplicationThrottled", headers={"Retry-After": "10"}), operation="batch")
    await site.clock.advance(timedelta(minutes=5).total_seconds())
    busy = (await site.happens(ConnectionLost)).failure
    assert isinstance(busy, ExchangeBusy)
    assert len(ledger.records(operation="batch", status=429)) <= 4
    faults.clear(fault)
    await eventually(lambda: isinstance(connection(site)[-1], ConnectionRestored))
    await site.pass_time(minutes=15)
    assert site.wrong() == {}


async def test_a_mailbox_that_moves_away_keeps_its_presence_to_its_end(site: CloudSite) -> None:
    site.company.tenant.change("anna.mueller", hosting=Hosting.ON_PREMISES)
    await site.pass_time(minutes=5)
    assert site.wrong() == {}
