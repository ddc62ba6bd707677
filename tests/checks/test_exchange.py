"""Tests of the check of Exchange: passing, and failing at each step."""

from datetime import date
from pathlib import Path

import pytest

from engine.checks.check import StepOutcome
from engine.checks.errors import NameNotFound, NobodyToTry
from engine.core.secret import Secret
from engine.exchange.errors import (
    CalendarNotReadable,
    CertificateNotTrusted,
    EwsForbidden,
    ExchangeUnreachable,
    ImpersonationDenied,
    LoginMethodNotOffered,
    LoginRefused,
    MailboxNotFound,
    OnlyFreeBusy,
    ServiceMailboxMissing,
    SubscriptionRefused,
)
from engine.exchange.ews.autodiscover.errors import AutodiscoverFailed
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.company import Company
from engine.simulator.exchange.topology import Behaviour
from engine.simulator.faults import Cut, Effect, ErrorCode, RedirectUrl, Reply
from engine.simulator.world import Person, World
from engine.simulator.world.scenarios import BERLIN
from tests.checks.support import run_exchange_check
from tests.support.clock import ManualClock

ANNA = "anna.mueller@corp.example"
WRONG = Secret("another password")


async def test_a_right_set_up_climbs_every_rung(company: Company) -> None:
    result = await run_exchange_check(company, ANNA)
    outcomes = {name: step.outcome for name, step in result.steps.items()}
    assert outcomes == dict.fromkeys(outcomes, StepOutcome.OK) | {"token": StepOutcome.SKIPPED}
    assert "https://mail.corp.example/EWS/Exchange.asmx" in result.evidence("autodiscover")
    assert "CN=Simulated CA" in result.evidence("TLS")
    assert ANNA in result.evidence("mailbox")
    assert result.evidence("calendar").split()[0].isdigit()
    assert company.exchange.subscriptions.of(ANNA) == []


async def test_a_known_url_needs_no_autodiscover_and_a_wrong_one_says_why(company: Company) -> None:
    result = await run_exchange_check(company, ANNA, ews_url=company.exchange.ews_url)
    assert result["autodiscover"].outcome is StepOutcome.SKIPPED
    assert result.all_well
    nowhere = await run_exchange_check(company, ANNA, ews_url="https://nowhere.invalid/EWS/Exchange.asmx")
    assert isinstance(nowhere.failed_at("name lookup").failure, NameNotFound)


async def test_a_server_that_refuses_connections(company: Company) -> None:
    await company.exchange.refuse_connections()
    broken = (await run_exchange_check(company, ANNA, ews_url=company.exchange.ews_url)).failed_at("connection")
    assert isinstance(broken.failure, ExchangeUnreachable)


async def test_a_private_ca_is_answered_with_its_name(company: Company, tmp_path: Path) -> None:
    another = tmp_path / "another"
    another.mkdir()
    ca_file = str(CertificateAuthority("Another CA").ca_file(another))
    broken = (await run_exchange_check(company, ANNA, ews_url=company.exchange.ews_url, ca_file=ca_file)).failed_at(
        "TLS"
    )
    assert isinstance(broken.failure, CertificateNotTrusted)
    assert 'exchange.ca_file to the certificate (PEM) of the CA "CN=Simulated CA"' in broken.remedy
    assert any(line.startswith("SHA-256 ") for line in broken.evidence)


async def test_a_file_that_is_not_there(company: Company) -> None:
    broken = (await run_exchange_check(company, ANNA, ca_file="/nowhere/ca.pem")).failed_at("files")
    assert isinstance(broken.failure, CertificateNotTrusted)
    assert "/nowhere/ca.pem" in str(broken.failure)


async def test_a_wrong_password_is_tried_once(company: Company) -> None:
    result = await run_exchange_check(company, ANNA, password=WRONG, ews_url=company.exchange.ews_url)
    assert isinstance(result.failed_at("log-in").failure, LoginRefused)
    by_autodiscover = await run_exchange_check(company, ANNA, password=WRONG)
    assert isinstance(by_autodiscover.failed_at("autodiscover").failure, LoginRefused)


async def test_a_method_that_is_not_offered(company: Company) -> None:
    result = await run_exchange_check(company, ANNA, auth="basic", ews_url=company.exchange.ews_url)
    assert isinstance(result.failed_at("web services").failure, LoginMethodNotOffered)


async def test_web_services_that_are_closed(company: Company) -> None:
    company.exchange.faults.add(Reply(403), operation="ResolveNames")
    result = await run_exchange_check(company, ANNA, ews_url=company.exchange.ews_url)
    assert isinstance(result.failed_at("log-in").failure, EwsForbidden)


async def test_autodiscover_in_a_circle_tells_every_url(company: Company) -> None:
    company.exchange.faults.add(RedirectUrl("https://autodiscover.corp.example/autodiscover/autodiscover.xml"))
    broken = (await run_exchange_check(company, ANNA)).failed_at("autodiscover")
    assert isinstance(broken.failure, AutodiscoverFailed)
    assert any("redirect loop" in line for line in broken.evidence)
    assert len(broken.evidence) > 2


async def test_a_user_without_a_mailbox_and_nobody_at_all(company: Company) -> None:
    result = await run_exchange_check(company, "nobody@corp.example", ews_url=company.exchange.ews_url)
    assert isinstance(result.failed_at("mailbox").failure, MailboxNotFound)
    nobody = await run_exchange_check(company, user="CORP\\svc-calendar", ews_url=company.exchange.ews_url)
    assert isinstance(nobody.failed_at("log-in").failure, NobodyToTry)


@pytest.mark.parametrize("named", ["nobody@corp.example", "bert", "empfang@corp.example"])
async def test_somebody_named_who_has_no_mailbox_is_not_found_whatever_the_account_has(
    named: str, tmp_path: Path
) -> None:
    """The service account's own mailbox can be read, and is not what was asked about."""
    people = [Person(name="svc", display_name="svc", mailbox="svc-calendar@corp.example")]
    world = World(date(2026, 3, 2), BERLIN, people)
    async with Company(world, tmp_path, ManualClock()) as company:
        assert (await run_exchange_check(company)).all_well
        broken = (await run_exchange_check(company, named)).failed_at("mailbox")
        assert isinstance(broken.failure, MailboxNotFound)
        assert named in broken.failure.detail


async def test_the_notifications_rung_opens_a_stream(company: Company) -> None:
    assert (await run_exchange_check(company, ANNA)).all_well
    assert company.exchange.ledger.operations["GetStreamingEvents"] == 1
    assert company.exchange.subscriptions.of(ANNA) == []
    assert company.exchange.ledger.complaints == []


@pytest.mark.parametrize(
    "effect",
    [ErrorCode("ErrorSubscriptionNotFound"), ErrorCode("ErrorAccessDenied", in_fault=True), Reply(503), Cut(0)],
)
async def test_a_stream_that_does_not_open_is_said(company: Company, effect: Effect) -> None:
    company.exchange.faults.add(effect, operation="GetStreamingEvents")
    result = await run_exchange_check(company, ANNA)
    assert result["calendar"].outcome is StepOutcome.OK
    assert result.failed_at("notifications").failure is not None
    assert company.exchange.subscriptions.of(ANNA) == []


async def test_a_missing_right_is_answered_with_a_command_for_this_site(company: Company) -> None:
    company.exchange.faults.add(ErrorCode("ErrorImpersonateUserDenied", in_fault=True), operation="FindItem")
    broken = (await run_exchange_check(company, ANNA)).failed_at("impersonation")
    assert "New-ManagementScope" in broken.remedy
    assert "-User 'svc-calendar@corp.example' -CustomRecipientWriteScope 'calendar-engine'" in broken.remedy


async def test_a_service_account_without_a_mailbox(world: World, tmp_path: Path) -> None:
    async with Company(world, tmp_path, ManualClock(), behaviour=Behaviour(caller_has_mailbox=False)) as company:
        result = await run_exchange_check(company, ANNA)
        broken = result.failed_at("mailbox")
        assert isinstance(broken.failure, ServiceMailboxMissing)
        assert (await run_exchange_check(company, ANNA, resolve_with="candidates")).all_well


@pytest.mark.parametrize("told", ["fault", "response"])
async def test_a_mailbox_outside_the_scope_of_the_role(world: World, tmp_path: Path, told: str) -> None:
    [outside] = [person for person in world.people if person.mailbox and not person.may_impersonate]
    behaviour = Behaviour(impersonation_refused_in="fault" if told == "fault" else "response")
    async with Company(world, tmp_path, ManualClock(), behaviour=behaviour) as company:
        result = await run_exchange_check(company, str(outside.mailbox))
        assert isinstance(result.failed_at("impersonation").failure, ImpersonationDenied)


async def test_no_right_to_impersonate_anybody_leaves_free_busy(company: Company) -> None:
    company.exchange.faults.add(ErrorCode("ErrorImpersonationFailed", in_fault=True), operation="FindItem")
    result = await run_exchange_check(company, ANNA)
    broken = result.failed_at("impersonation")
    assert isinstance(broken.failure, OnlyFreeBusy | ImpersonationDenied)
    company.exchange.faults.clear()
    free_busy = await run_exchange_check(company, ANNA, mode="free-busy")
    assert free_busy.all_well
    assert free_busy["impersonation"].outcome is StepOutcome.SKIPPED
    assert free_busy["notifications"].outcome is StepOutcome.SKIPPED


async def test_a_calendar_that_may_not_be_read(company: Company) -> None:
    company.exchange.faults.add(ErrorCode("ErrorAccessDenied"), operation="FindItem")
    result = await run_exchange_check(company, ANNA)
    assert result["impersonation"].outcome is StepOutcome.OK
    assert isinstance(result.failed_at("calendar").failure, CalendarNotReadable)


async def test_a_mailbox_that_takes_no_subscription(company: Company) -> None:
    company.exchange.faults.add(ErrorCode("ErrorExceededSubscriptionCount"), operation="Subscribe")
    result = await run_exchange_check(company, ANNA)
    assert result["calendar"].outcome is StepOutcome.OK
    assert isinstance(result.failed_at("notifications").failure, SubscriptionRefused)
