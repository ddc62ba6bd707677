"""The whole engine with free/busy only, because of the settings or because impersonation is denied."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from engine.core.presence import decide
from engine.core.presence.model import Presence
from engine.exchange.errors import ImpersonationDenied, OnlyFreeBusy, SeriesNotExpanded
from engine.simulator.company import Company, pbx_user
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import ErrorCode
from engine.simulator.world import Person, Series
from engine.sync.events import ConnectionLost, ReadingRestricted, ReadingUnrestricted, UserTrouble
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.idle_time import WallClock, pauses_pass_quickly
from tests.support.site import LOOK, Site, ews_schema, running_engine
from tests.support.worlds import few_people

pytestmark = [pytest.mark.slow, pytest.mark.few]

PRESENCE: dict[str, object] = {"show_subject": True}


def by_free_busy(site: Site, person: Person) -> Presence:
    """Return the decision by times and states only."""
    if person.mailbox is None:
        return Presence()
    now = site.clock.now()
    known = [
        type(each)(id=each.id, start=each.start, end=each.end, show_as=each.show_as, may_be_whole_days=True)
        for each in site.company.world.as_appointments(person.mailbox, now - LOOK, now + LOOK)
        if not each.cancelled
    ]
    return decide(known, site.settings.presence, now).presence


def differing(site: Site) -> set[str]:
    people = site.company.world.people
    return {person.name for person in people if site.shown(person) != by_free_busy(site, person)}


async def test_presences_follow_free_busy_without_a_right_to_impersonate(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    tables: dict[str, dict[str, object]] = {"exchange": {"mode": "free-busy"}, "presence": PRESENCE}
    async with company, running_engine(company, clock, tmp_path, tables) as site:
        await site.settled()
        assert differing(site) == set()
        assert any(site.shown(person).note for person in company.world.people)
        await site.pass_time(minutes=15)
        assert differing(site) == set()
        ledger = company.exchange.ledger
        assert {record.mailbox for record in ledger.records(host="mail.corp.example")} == {""}
        assert ledger.operations["FindItem"] == 0
        assert ledger.complaints == []
        assert site.engine.status().restriction is None


async def test_without_the_right_to_impersonate_it_falls_back_and_says_so_and_returns_with_the_right(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    for operation in ("FindItem", "Subscribe"):
        company.exchange.faults.add(ErrorCode("ErrorImpersonationDenied", in_fault=True), operation=operation)
    network_clock = WallClock(pauses_pass_quickly())
    async with company, running_engine(company, clock, tmp_path, {"presence": PRESENCE}, network_clock) as site:
        await site.settled()
        event = await site.happens(ReadingRestricted)
        assert isinstance(event.failure, OnlyFreeBusy)
        assert "ApplicationImpersonation" in event.failure.remedy
        assert isinstance(site.engine.status().restriction, OnlyFreeBusy)
        assert differing(site) == set()
        for _ in range(3):
            await site.pass_time(minutes=3)
        assert company.exchange.ledger.operations["FindItem"] <= site.settings.exchange.connections

        company.exchange.faults.clear()
        network_clock.ahead = timedelta(hours=1)
        # What is refused to somebody out of the scope of the right says nothing of it: the next reading tries.
        site.engine.resync(next(each.guid for each in company.world.people if not each.may_impersonate))
        await site.settled()
        assert isinstance(site.engine.status().restriction, OnlyFreeBusy)
        site.engine.resync(next(each.guid for each in company.world.people if each.mailbox and each.may_impersonate))
        await site.happens(ReadingUnrestricted)
        assert site.engine.status().restriction is None
        await site.pass_time(minutes=3)
        # Whoever is out of the scope of the right keeps what was known last, until it is over.
        out_of_scope = {person.name for person in company.world.people if not person.may_impersonate}
        assert set(site.wrong()) <= out_of_scope
        assert [each for each in site.events if isinstance(each, ConnectionLost)] == []


async def test_a_server_that_does_not_expand_series_is_read_by_free_busy_where_there_are_any_and_it_is_said(
    clock: ManualClock, tmp_path: Path
) -> None:
    behaviour = Behaviour(expands_series=False)
    company = Company(few_people(date(2026, 3, 2)), tmp_path, clock, schema=ews_schema(), behaviour=behaviour)
    with_series = {
        person.name
        for person in company.world.people
        if person.mailbox and any(isinstance(each, Series) for each in company.world.entries(person.mailbox))
    }
    reachable = {person.name for person in company.world.people if person.mailbox and person.may_impersonate}
    async with company, running_engine(company, clock, tmp_path, {"presence": PRESENCE}) as site:
        await site.settled()
        said = {
            each.user.name
            for each in site.events
            if isinstance(each, UserTrouble) and isinstance(each.failure, SeriesNotExpanded)
        }
        assert said == with_series & reachable
        assert said
        assert differing(site) & said == set()
        assert set(site.wrong()) & (reachable - said) == set()
        (guid,) = {person.guid for person in company.world.people if person.name == min(said)}
        account = site.engine.details(guid, clock.now())
        assert account is not None
        assert [type(each) for each in account.problems] == [SeriesNotExpanded]
        assert site.engine.status().restriction is None


async def test_with_the_right_everybody_is_read_in_details_again(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    """Notifications may go on while the right is missing, so that whoever was told of a change is still watched."""
    network_clock = WallClock(pauses_pass_quickly())
    async with company, running_engine(company, clock, tmp_path, {"presence": PRESENCE}, network_clock) as site:
        await site.settled()
        watched = [each for each in company.world.people if each.mailbox and each.may_impersonate]
        await eventually(lambda: site.engine.status().watched == len(watched))
        company.exchange.faults.add(ErrorCode("ErrorImpersonationDenied", in_fault=True), operation="FindItem")
        for person in watched:
            site.engine.resync(person.guid)
        await site.happens(ReadingRestricted)
        await site.settled()
        assert site.wrong() != {}
        assert site.engine.status().watched == len(watched)

        company.exchange.faults.clear()
        network_clock.ahead = timedelta(hours=1)
        site.engine.resync(watched[0].guid)
        await site.happens(ReadingUnrestricted)
        await site.pass_time(minutes=3)
        assert site.wrong() == {}


async def test_a_newcomer_whose_mailbox_cannot_be_looked_for_without_the_right_delays_nobody(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    newcomer, known = company.world.person("anna.mueller"), company.world.person("kweiss")
    company.pbx.delete_user(newcomer.guid)
    tables: dict[str, dict[str, object]] = {"exchange": {"resolve_with": "candidates"}, "presence": PRESENCE}
    async with company, running_engine(company, clock, tmp_path, tables) as site:
        await site.settled()
        company.exchange.faults.add(ErrorCode("ErrorImpersonationDenied", in_fault=True), operation="FindItem")
        company.exchange.faults.add(ErrorCode("ErrorImpersonationDenied", in_fault=True), operation="ResolveNames")
        site.engine.resync(known.guid)
        await site.happens(ReadingRestricted)
        company.pbx.add_user(pbx_user(newcomer))
        found = await site.happens(UserTrouble, lambda each: each.user.guid == newcomer.guid)
        assert isinstance(found.failure, ImpersonationDenied)
        assert [each for each in site.events if isinstance(each, ConnectionLost)] == []
