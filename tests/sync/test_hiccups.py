"""Temporary faults stop no user for long: one mailbox, all mailboxes, the directory, autodiscover."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from engine.core.presence.model import CLEARED
from engine.exchange.errors import (
    ImpersonationRightMissing,
    MailboxNotFound,
    ManyMailboxesMissing,
    NoCalendarReadable,
    OnlyFreeBusy,
)
from engine.simulator.company import Company
from engine.simulator.faults import Effect, ErrorCode, RedirectAddress, Reply
from engine.simulator.world import Person, World
from engine.simulator.world.scenarios import BERLIN
from engine.sync.events import ConnectionLost, ConnectionRestored, ReadingRestricted, Side, UserTrouble
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.site import Site, ews_schema, running_engine

MONDAY = date(2026, 3, 2)
NAMES = ("anna", "bert", "cora", "dirk", "emil", "fritz")
EWS = {"exchange": {"ews_url": "https://mail.corp.example/EWS/Exchange.asmx"}}
NOBODY = ErrorCode("ErrorNameResolutionNoResults")
GONE = ErrorCode("ErrorNonExistentMailbox", in_fault=True)


def office() -> World:
    """Everybody is busy all morning."""
    people = [Person(name=name, display_name=name, mailbox=f"{name}@corp.example") for name in NAMES]
    world = World(MONDAY, BERLIN, people)
    for person in people:
        world.put(person.mailbox or "", world.appointment(f"m-{person.name}", "09:00-12:00"))
    return world


@pytest.fixture
def company(tmp_path: Path, clock: ManualClock) -> Company:
    return Company(office(), tmp_path, clock, schema=ews_schema())


def busy(site: Site) -> set[str]:
    return {each.name for each in site.company.world.people if site.shown(each).activity == "busy"}


def problems(site: Site) -> dict[str, str]:
    return {each.user.name: each.failure.slug for each in site.engine.status().unresolved}


async def look_at(site: Site, *names: str, search: bool = False) -> None:
    for name in names:
        guid = site.company.world.person(name).guid
        (site.engine.reresolve if search else site.engine.resync)(guid)
    await site.settled()


@pytest.mark.slow
@pytest.mark.parametrize(
    "effect",
    [
        GONE,
        ErrorCode("ErrorNonExistentMailbox"),
        ErrorCode("ErrorMailRecipientNotFound"),
        ErrorCode("ErrorCannotFindUser", in_fault=True),
    ],
)
async def test_a_mailbox_read_lately_keeps_its_state_and_is_asked_again_within_minutes(
    company: Company, clock: ManualClock, tmp_path: Path, effect: Effect
) -> None:
    async with company, running_engine(company, clock, tmp_path, EWS) as site:
        await site.settled()
        company.exchange.faults.add(effect, mailbox="anna@corp.example")
        await look_at(site, "anna")
        assert problems(site) == {"anna": "mailbox-not-found"}
        for _ in range(4):
            await site.pass_time(minutes=6)
            assert busy(site) == set(NAMES)
        company.exchange.faults.clear()
        await site.pass_time(minutes=16)
        assert problems(site) == {}
        assert busy(site) == set(NAMES)


@pytest.mark.slow
async def test_what_is_known_of_such_a_mailbox_ends_with_its_appointment(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with company, running_engine(company, clock, tmp_path, EWS) as site:
        await site.settled()
        company.exchange.faults.add(GONE, mailbox="anna@corp.example")
        await look_at(site, "anna")
        for _ in range(17):
            await site.pass_time(minutes=10)
        assert clock.now() > company.world.instant("12:00")
        assert busy(site) == set()
        asked = len(company.exchange.ledger.records(mailbox="anna@corp.example"))
        for _ in range(10):
            await site.pass_time(minutes=60)
        assert len(company.exchange.ledger.records(mailbox="anna@corp.example")) <= asked + 4


@pytest.mark.slow
async def test_a_mailbox_that_is_gone_is_cleared_when_that_is_confirmed_twice(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with company, running_engine(company, clock, tmp_path, EWS) as site:
        await site.settled()
        company.exchange.faults.add(GONE, mailbox="anna@corp.example")
        directory = company.exchange.faults.add(NOBODY, operation="ResolveNames")
        await look_at(site, "anna", search=True)
        assert busy(site) == set(NAMES)
        await site.pass_time(minutes=1)
        assert busy(site) == set(NAMES)
        await site.pass_time(minutes=5)
        assert busy(site) == set(NAMES) - {"anna"}
        company.exchange.faults.clear(directory)
        company.exchange.faults.clear()
        await site.pass_time(minutes=15)
        assert busy(site) == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("effect", [NOBODY, ErrorCode("ErrorNameResolutionNoResults", in_fault=True)])
async def test_a_directory_that_finds_nobody_at_the_start_clears_nobody(
    company: Company, clock: ManualClock, tmp_path: Path, effect: Effect
) -> None:
    async with company:
        async with running_engine(company, clock, tmp_path, EWS) as site:
            await site.settled()
        company.exchange.faults.add(effect, operation="ResolveNames")
        async with running_engine(company, clock, tmp_path, EWS) as site:
            await site.settled()
            trouble = await site.happens(ConnectionLost, lambda each: each.side is Side.EXCHANGE)
            assert isinstance(trouble.failure, NoCalendarReadable)
            assert "No mailbox found (6)" in trouble.failure.detail
            assert not site.engine.status().exchange.works
            for _ in range(4):
                await site.pass_time(minutes=8)
                assert busy(site) == set(NAMES)
            assert {type(each.failure) for each in site.engine.status().unresolved} == {ManyMailboxesMissing}
            company.exchange.faults.clear()
            await site.pass_time(minutes=60)
            assert problems(site) == {}
            assert busy(site) == set(NAMES)
            assert site.engine.status().exchange.works


@pytest.mark.slow
async def test_three_minutes_without_a_directory_are_over_after_six(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    company.exchange.faults.add(NOBODY, operation="ResolveNames")
    async with company, running_engine(company, clock, tmp_path, EWS) as site:
        await site.settled()
        assert busy(site) == set()
        for _ in range(3):
            await site.pass_time(minutes=1)
        company.exchange.faults.clear()
        for _ in range(4):
            await site.pass_time(minutes=1)
        assert busy(site) == set(NAMES)
        assert site.wrong() == {}


@pytest.mark.slow
@pytest.mark.parametrize("effect", [Reply(503), Reply(403), Reply(200, b"<html>")])
async def test_autodiscover_in_trouble_says_nothing_of_users(
    company: Company, clock: ManualClock, tmp_path: Path, effect: Effect
) -> None:
    """The service account has no mailbox here, so that it is unknown to autodiscover."""
    for operation in ("GetUserSettings", "Autodiscover"):
        for name in NAMES:
            company.exchange.faults.add(effect, operation=operation, mailbox=f"{name}@corp.example")
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await site.happens(ConnectionLost, lambda each: each.side is Side.EXCHANGE)
        assert [each for each in site.events if isinstance(each, UserTrouble)] == []
        company.exchange.faults.clear()
        await eventually(lambda: busy(site) == set(NAMES))


@pytest.mark.slow
@pytest.mark.parametrize("effect", [Reply(403), RedirectAddress("anna@tenant.example")], ids=["403", "redirect"])
async def test_one_mailbox_led_away_or_forbidden_once_is_back_within_minutes(
    company: Company, clock: ManualClock, tmp_path: Path, effect: Effect
) -> None:
    async with company, running_engine(company, clock, tmp_path, {}) as site:
        await site.settled()
        company.exchange.faults.add(effect, mailbox="anna@corp.example")
        company.exchange.subscriptions.lose("anna@corp.example")
        await look_at(site, "anna", search=True)
        await site.pass_time(minutes=0.5)
        company.exchange.faults.clear()
        await site.pass_time(minutes=6)
        assert problems(site) == {}
        assert busy(site) == set(NAMES)


async def test_one_403_at_the_very_start_is_over_in_a_minute(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    network_clock = ManualClock()
    company.exchange.faults.add(Reply(403), times=1)
    async with company, running_engine(company, clock, tmp_path, EWS, network_clock) as site:
        trouble = await site.happens(ConnectionLost, lambda each: each.side is Side.EXCHANGE)
        assert trouble.until is not None
        assert trouble.until - network_clock.now() <= timedelta(minutes=1)


@pytest.mark.slow
@pytest.mark.parametrize("in_fault", [True, False])
async def test_denied_for_everybody_is_the_right_that_is_missing(
    company: Company, clock: ManualClock, tmp_path: Path, in_fault: bool
) -> None:
    denied = ErrorCode("ErrorImpersonateUserDenied", in_fault=in_fault)
    for operation in ("FindItem", "Subscribe"):
        company.exchange.faults.add(denied, operation=operation)
    async with company, running_engine(company, clock, tmp_path, EWS) as site:
        await site.happens(ReadingRestricted)
        await site.settled()
        assert isinstance(site.engine.status().restriction, OnlyFreeBusy)
        assert busy(site) == set(NAMES)
        assert problems(site) == {}
        assert [each for each in site.events if isinstance(each, UserTrouble)] == []
        asked = len(company.exchange.ledger.records(operation="FindItem"))
        await site.pass_time(minutes=10)
        assert len(company.exchange.ledger.records(operation="FindItem")) == asked


@pytest.mark.slow
async def test_denied_for_some_is_their_own_problem(clock: ManualClock, tmp_path: Path) -> None:
    async with Company(office(), tmp_path, clock, schema=ews_schema()) as company:
        for name in NAMES[:5]:
            for operation in ("FindItem", "Subscribe"):
                company.exchange.faults.add(
                    ErrorCode("ErrorImpersonateUserDenied"), operation=operation, mailbox=f"{name}@corp.example"
                )
        async with running_engine(company, clock, tmp_path, EWS) as site:
            await site.settled()
            assert site.engine.status().restriction is None
            assert problems(site) == dict.fromkeys(NAMES[:5], "impersonation-denied")
            told = [each.user.name for each in site.events if isinstance(each, UserTrouble)]
            assert sorted(told) == sorted(NAMES[:5])


@pytest.mark.slow
async def test_denied_for_every_candidate_is_one_problem_of_the_service(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    company.exchange.faults.add(ErrorCode("ErrorImpersonateUserDenied", in_fault=True))
    tables = {"exchange": {**EWS["exchange"], "resolve_with": "candidates"}}
    network_clock = ManualClock()
    async with company, running_engine(company, clock, tmp_path, tables, network_clock) as site:
        trouble = await site.happens(ConnectionLost, lambda each: each.side is Side.EXCHANGE)
        assert isinstance(trouble.failure, ImpersonationRightMissing)
        assert [each for each in site.events if isinstance(each, UserTrouble)] == []
        asked = len(company.exchange.ledger.records(operation="ResolveNames"))
        await network_clock.advance(55)
        await eventually(lambda: len(company.exchange.ledger.records(operation="ResolveNames")) <= asked + 1)


@pytest.mark.slow
async def test_exchange_works_when_somebodys_calendar_is_read(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    fault = company.exchange.faults.add(ErrorCode("ErrorMailboxStoreUnavailable"), operation="FindItem")
    async with company, running_engine(company, clock, tmp_path, EWS) as site:
        trouble = await site.happens(ConnectionLost, lambda each: isinstance(each.failure, NoCalendarReadable))
        assert "Exchange cannot read this mailbox at the moment (6)" in trouble.failure.detail
        assert not any(isinstance(each, ConnectionRestored) and each.side is Side.EXCHANGE for each in site.events)
        company.exchange.faults.clear(fault)
        await site.pass_time(minutes=6)
        assert site.engine.status().exchange.works
        assert site.wrong() == {}
        assert site.shown(company.world.people[0]) != CLEARED


@pytest.mark.slow
async def test_a_presence_from_before_a_restart_stays_while_its_mailbox_is_not_found_for_certain(
    clock: ManualClock, tmp_path: Path
) -> None:
    async with Company(office(), tmp_path, clock, schema=ews_schema()) as company:
        async with running_engine(company, clock, tmp_path, EWS) as site:
            await site.settled()
        company.exchange.faults.add(NOBODY, operation="ResolveNames", times=1)
        async with running_engine(company, clock, tmp_path, EWS) as site:
            await site.settled()
            found = await site.happens(UserTrouble)
            assert isinstance(found.failure, MailboxNotFound)
            assert busy(site) == set(NAMES)
            await site.pass_time(minutes=1)
            assert problems(site) == {}


@pytest.mark.parametrize("code", ["ErrorCannotFindUser", "ErrorMailRecipientNotFound"])
@pytest.mark.parametrize("mode", ["details", "free-busy"])
async def test_a_mailbox_that_its_server_does_not_know_leads_on_to_the_next_candidate(
    clock: ManualClock, tmp_path: Path, code: str, mode: str
) -> None:
    people = [
        Person(
            name="anna",
            display_name="a",
            mailbox="anna@corp.example",
            pbx_addresses=("a.new@corp.example",),
            free_busy_refusal=code,
        ),
        Person(name="anna.new", display_name="b", mailbox="a.new@corp.example"),
    ]
    world = World(MONDAY, BERLIN, people)
    world.put("a.new@corp.example", world.appointment("m", "09:00-12:00"))
    async with Company(world, tmp_path, clock, schema=ews_schema()) as company:
        if mode == "details":
            company.exchange.faults.add(ErrorCode(code, in_fault=True), mailbox="anna@corp.example")
        tables = {"exchange": {**EWS["exchange"], "mode": mode}}
        async with running_engine(company, clock, tmp_path, tables) as site:
            await site.settled()
            assert site.shown(people[0]).activity == "busy"
