"""Users who share a mailbox, and users with several: both are reported, and a rule decides."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.core.appointments import ShowAs
from engine.exchange.errors import MailboxAmbiguous, MailboxShared
from engine.simulator.company import Company
from engine.simulator.faults import ErrorCode
from engine.simulator.pbx.state import PbxUser
from engine.simulator.world import Person, World
from engine.simulator.world.scenarios import BERLIN
from engine.sync.events import UserTrouble
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import Site, ews_schema, running_engine

pytestmark = [pytest.mark.slow, pytest.mark.few]

MONDAY = date(2026, 3, 2)
EWS = {"ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}
DESK = Person(
    name="anna", display_name="Anna Desk", mailbox="anna@corp.example", proxy_addresses=("a.berg@corp.example",)
)
SOFT = Person(name="anna-soft", display_name="Anna Soft", mailbox=None, pbx_addresses=("a.berg@corp.example",))
BERT = Person(name="bert", display_name="Bert", mailbox="bert@corp.example")


def company_of(directory: Path, clock: ManualClock, *people: Person) -> Company:
    """Anna is busy, Bert is out of office."""
    world = World(MONDAY, BERLIN, people)
    for address, show_as in (("anna@corp.example", ShowAs.BUSY), ("bert@corp.example", ShowAs.OOF)):
        if any(person.mailbox == address for person in people):
            world.put(address, world.appointment(f"m-{address}", "09:00-12:00", show_as=show_as))
    return Company(world, directory, clock, schema=ews_schema())


def noticed(site: Site) -> dict[str, str]:
    return {each.user.name: each.failure.slug for each in site.engine.status().noticed}


def activity(site: Site, person: Person) -> str | None:
    return site.shown(person).activity


def look_ups(company: Company) -> int:
    return len(company.exchange.ledger.records(operation="ResolveNames"))


async def test_desk_telephone_and_softphone_both_show_the_mailbox_and_name_each_other(
    tmp_path: Path, clock: ManualClock
) -> None:
    company = company_of(tmp_path, clock, DESK, SOFT, BERT)
    async with company, running_engine(company, clock, tmp_path, {"exchange": EWS}) as site:
        await site.settled()
        assert [activity(site, each) for each in (DESK, SOFT)] == ["busy", "busy"]
        assert noticed(site) == {"anna": "mailbox-shared", "anna-soft": "mailbox-shared"}
        status = site.engine.status()
        assert (status.resolved, status.unresolved) == (3, ())
        details = {each.user.name: each.failure.detail for each in status.noticed}
        assert details["anna"] == "anna@corp.example is also the mailbox of Anna Soft"
        assert details["anna-soft"] == "anna@corp.example is also the mailbox of Anna Desk"
        await site.happens(UserTrouble, lambda each: isinstance(each.failure, MailboxShared))
        glance, account = site.engine.summary(SOFT.guid), site.engine.details(SOFT.guid, clock.now())
        assert glance
        assert account
        assert glance.problem is None
        assert isinstance(glance.notice, MailboxShared)
        assert [each.slug for each in account.notices] == ["mailbox-shared"]


async def test_the_notice_ends_when_the_other_user_has_another_mailbox(tmp_path: Path, clock: ManualClock) -> None:
    company = company_of(tmp_path, clock, DESK, SOFT, BERT)
    async with company, running_engine(company, clock, tmp_path, {"exchange": EWS}) as site:
        await site.settled()
        assert set(noticed(site)) == {"anna", "anna-soft"}
        company.pbx.delete_user(SOFT.guid)
        await eventually(lambda: noticed(site) == {})
        company.pbx.add_user(PbxUser(guid=SOFT.guid, h323="anna-soft", cn="Anna Soft", emails=("bert@corp.example",)))
        await eventually(lambda: noticed(site) == {"bert": "mailbox-shared", "anna-soft": "mailbox-shared"})
        await eventually(lambda: activity(site, SOFT) == "away")


@pytest.mark.parametrize(("order", "shown"), [("name", "busy"), ("addresses", "away")])
async def test_of_two_mailboxes_the_first_counts_and_that_there_are_two_is_said(
    tmp_path: Path, clock: ManualClock, order: str, shown: str
) -> None:
    anna = Person(name="anna", display_name="Anna", mailbox="anna@corp.example", pbx_addresses=("bert@corp.example",))
    company = company_of(tmp_path, clock, anna, BERT)
    exchange: dict[str, Any] = {**EWS, "candidate_order": order}
    async with company, running_engine(company, clock, tmp_path, {"exchange": exchange}) as site:
        await site.settled()
        assert activity(site, anna) == shown
        said = await site.happens(UserTrouble, lambda each: isinstance(each.failure, MailboxAmbiguous))
        wins, loses = ("anna", "bert") if order == "name" else ("bert", "anna")
        assert said.failure.detail == f"{wins}@corp.example is used, but {loses}@corp.example leads elsewhere"
        assert said.failure.confidential == f"{loses}@corp.example belongs to {loses}@corp.example"
        assert activity(site, anna) == shown
        asked = look_ups(company)
        await site.pass_time(minutes=30)
        assert look_ups(company) == asked


async def test_an_alias_of_the_same_mailbox_and_an_address_without_one_are_no_conflict(
    tmp_path: Path, clock: ManualClock
) -> None:
    anna = Person(
        name="anna",
        display_name="Anna",
        mailbox="anna@corp.example",
        proxy_addresses=("a.berg@corp.example",),
        pbx_addresses=("a.berg@corp.example", "nobody@corp.example"),
    )
    company = company_of(tmp_path, clock, anna)
    async with company, running_engine(company, clock, tmp_path, {"exchange": EWS}) as site:
        await site.settled()
        assert look_ups(company) == 1
        await eventually(lambda: look_ups(company) == 3)
        await site.pass_time(minutes=1)
        assert noticed(site) == {}


async def test_what_cannot_be_found_out_is_no_conflict_and_costs_nobody_a_calendar(
    tmp_path: Path, clock: ManualClock
) -> None:
    anna = Person(name="anna", display_name="Anna", mailbox="anna@corp.example", pbx_addresses=("bert@corp.example",))
    company = company_of(tmp_path, clock, anna, BERT)
    async with company, running_engine(company, clock, tmp_path, {"exchange": EWS}) as site:
        await site.settled()
        asked = look_ups(company)
        company.exchange.faults.add(ErrorCode("ErrorADUnavailable"), operation="ResolveNames")
        await eventually(lambda: look_ups(company) > asked)
        await site.settled()
        assert noticed(site) == {}
        assert site.engine.status().unresolved == ()
        assert activity(site, anna) == "busy"
