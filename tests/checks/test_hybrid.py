"""Tests of the check of a hybrid organisation: the steps of both halves, and the mailbox where it is."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.checks.check import StepOutcome
from engine.exchange.errors import LoginRefused, MailboxNotFound
from engine.exchange.oauth.errors import ClientSecretRefused
from engine.simulator.company import CLIENT_SECRET, DOMAIN, EXCHANGE_PASSWORD, PBX_PASSWORD, HybridCompany
from engine.simulator.world import World
from engine.store.secrets import Secrets
from tests.checks.support import CheckResult, check_factory_of, settings_of
from tests.support.checked_graph import Checked
from tests.support.clock import ManualClock

ANNA = f"anna.mueller@{DOMAIN}"
ZOE = f"zoe.vandijk@{DOMAIN}"


@pytest.fixture
async def company(world: World, tmp_path: Path) -> AsyncIterator[HybridCompany]:
    checked = Checked()
    company = HybridCompany(world, tmp_path, ManualClock(), graph_options={"observe": checked})
    company.move_online(world.person("zoe.vandijk"))
    async with company:
        yield company
    assert checked.findings == []


async def run_check(company: HybridCompany, *candidates: str, **secrets: Any) -> CheckResult:
    given = {
        "exchange_password": EXCHANGE_PASSWORD,
        "exchange_client_secret": CLIENT_SECRET,
        "pbx_password": PBX_PASSWORD,
        **secrets,
    }
    factory = check_factory_of(company, ManualClock(company.world.instant("11:00")))
    reported: list[Any] = []
    check = factory.exchange(settings_of(company), Secrets(**given), candidates)
    steps = await check.run(reported.append)
    assert [step.name for step in steps] == list(check.names)
    return CheckResult(steps, reported)


@pytest.mark.parametrize(
    ("address", "here", "elsewhere"), [(ANNA, "on premises", "online"), (ZOE, "online", "on premises")]
)
async def test_the_calendar_is_read_where_the_mailbox_is(
    company: HybridCompany, address: str, here: str, elsewhere: str
) -> None:
    result = await run_check(company, address)
    assert result.all_well
    assert f"appointments of {address}" in result.evidence(f"{here}: calendar")
    skipped = result[f"{elsewhere}: calendar"]
    assert (skipped.outcome, skipped.skipped_because) == (StepOutcome.SKIPPED, f"the mailbox is not {elsewhere}")
    assert result["online: token"].outcome is StepOutcome.OK
    assert result["on premises: log-in"].outcome is StepOutcome.OK


async def test_a_mailbox_that_is_nowhere_is_a_failure(company: HybridCompany) -> None:
    result = await run_check(company, f"nobody@{DOMAIN}")
    assert isinstance(result.failed_at("online: mailbox").failure, MailboxNotFound)


async def test_what_is_wrong_with_one_half_does_not_hide_the_other(company: HybridCompany) -> None:
    company.exchange.accounts.update(dict.fromkeys(company.exchange.accounts, "another"))
    company.online.application.client_secrets.clear()
    result = await run_check(company, ANNA)
    failed = {name: type(step.failure) for name, step in result.steps.items() if step.failure is not None}
    assert failed == {"on premises: autodiscover": LoginRefused, "online: token": ClientSecretRefused}
