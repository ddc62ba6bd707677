"""Tests of the check of Exchange Online by Microsoft Graph."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.checks.check import StepOutcome
from engine.checks.errors import NobodyToTry
from engine.core.secret import Secret
from engine.exchange.errors import MailboxNotFound
from engine.exchange.graph.errors import GraphAccessDenied, GraphPermissionMissing, MailboxNotOnline
from engine.exchange.oauth.errors import ClientSecretRefused
from engine.simulator.company import CLIENT_ID, CLIENT_SECRET, DOMAIN, CloudCompany
from engine.simulator.proxy import ProxySimulator
from engine.simulator.world import World
from tests.checks.support import CheckResult, places_of, run_exchange_check
from tests.support.clock import ManualClock

ANNA = f"anna.mueller@{DOMAIN}"


@pytest.fixture
async def cloud(world: World, tmp_path: Path) -> AsyncIterator[CloudCompany]:
    async with CloudCompany(world, tmp_path, ManualClock()) as company:
        yield company


async def run_check(cloud: CloudCompany, *candidates: str, secret: Secret = CLIENT_SECRET, **more: Any) -> CheckResult:
    return await run_exchange_check(cloud, *(candidates or (ANNA,)), password=secret, **more)


async def test_a_right_registration_takes_every_step(cloud: CloudCompany) -> None:
    result = await run_check(cloud)
    assert {step.outcome for step in result.steps.values()} == {StepOutcome.OK}
    assert CLIENT_ID in result.evidence("token")
    assert "its permissions are User.Read.All" in result.evidence("token")
    assert f"appointments of {ANNA}" in result.evidence("calendar")
    assert CLIENT_SECRET.reveal() not in repr(result.steps)


async def test_all_of_it_goes_through_a_proxy(cloud: CloudCompany) -> None:
    authority = httpx.URL(cloud.entra.url)
    assert authority.port is not None
    places = places_of(cloud) | {(authority.host, authority.port): authority.port}
    async with ProxySimulator(places=places) as proxy:
        assert (await run_check(cloud, through=proxy)).all_well
    assert {each.target for each in proxy.asked} == {f"localhost:{cloud.graph.port}", f"localhost:{authority.port}"}


async def test_a_wrong_client_secret(cloud: CloudCompany) -> None:
    broken = (await run_check(cloud, secret=Secret("wrong"))).failed_at("token")
    assert isinstance(broken.failure, ClientSecretRefused)
    assert cloud.graph.ledger.records() == []


async def test_consent_that_is_missing_is_told_with_the_commands_for_this_application(cloud: CloudCompany) -> None:
    cloud.tenant.scoped_role = False
    broken = (await run_check(cloud)).failed_at("mailbox")
    assert isinstance(broken.failure, GraphAccessDenied | GraphPermissionMissing)
    assert "the token names no permission to read calendars" in broken.evidence
    assert f"az ad app permission admin-consent --id '{CLIENT_ID}'" in broken.remedy


async def test_a_mailbox_outside_the_scope(cloud: CloudCompany) -> None:
    [outsider] = [person for person in cloud.world.people if person.mailbox and not person.may_impersonate][:1]
    cloud.application.roles = dict.fromkeys(cloud.graph.urls, ())
    result = await run_check(cloud, outsider.mailbox or "")
    assert isinstance(result.failed_at("mailbox").failure, GraphAccessDenied)
    assert "it names no permission" in result.evidence("token")


async def test_an_address_that_nobody_has(cloud: CloudCompany) -> None:
    broken = (await run_check(cloud, f"nobody@{DOMAIN}")).failed_at("mailbox")
    assert isinstance(broken.failure, MailboxNotFound | MailboxNotOnline)
    assert isinstance((await run_check(cloud, "no address")).failed_at("mailbox").failure, MailboxNotFound)


async def test_without_a_user_there_is_nobody_to_try(cloud: CloudCompany) -> None:
    broken = (await run_exchange_check(cloud, password=CLIENT_SECRET)).failed_at("mailbox")
    assert isinstance(broken.failure, NobodyToTry)
