"""Tests of the checks of all users: their mailboxes, and the presences from their calendars."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.checks.check import CheckStep, StepOutcome
from engine.core.secret import Secret
from engine.core.users import User, UserFilter, UserSelection
from engine.exchange.errors import LoginRefused
from engine.simulator.company import DOMAIN, EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from engine.store.secrets import Secrets
from engine.sync.hold import NobodyTakesPart
from tests.checks.support import CheckResult, check_factory_of, settings_of
from tests.support.clock import ManualClock

pytestmark = pytest.mark.slow

SECRETS = Secrets(exchange_password=EXCHANGE_PASSWORD, pbx_password=PBX_PASSWORD)
TEN = datetime(2026, 3, 2, 9, 20, tzinfo=UTC)


def users_of(company: Company) -> list[User]:
    return [
        User(guid=each.guid, name=each.name, display_name=each.display_name, addresses=each.pbx_addresses)
        for each in company.world.people
    ]


async def test_everybody_is_looked_for_and_the_others_have_reasons(company: Company) -> None:
    users, progress, reported = users_of(company), list[tuple[int, int]](), list[CheckStep]()
    bench, settings = check_factory_of(company, ManualClock(TEN)), settings_of(company)
    probe = bench.resolution(settings, SECRETS, users, DOMAIN, lambda *each: progress.append(each))
    result = CheckResult(await probe.run(reported.append), reported)
    assert result.all_well
    without = [person for person in company.world.people if person.mailbox is None]
    evidence = result["resolution"].evidence
    assert evidence[0] == f"{len(users) - len(without)} of {len(users)} users have a mailbox"
    assert len(evidence) == 1 + len(without)
    assert "Empfang" in evidence[1]
    assert progress[-1] == (len(users), len(without))
    calendars = bench.calendars(settings, SECRETS, users, probe.mailboxes, lambda *_: None)
    shown = {step.name: step for step in await calendars.run(lambda _: None)}
    assert all(step.outcome is StepOutcome.OK for step in shown.values())
    assert "busy" in shown["presence"].evidence[0]
    assert any("Gerd Vorstand" in line for line in shown["calendars"].evidence)


async def test_what_concerns_everybody_ends_it_at_once(company: Company) -> None:
    secrets = replace(SECRETS, exchange_password=Secret("wrong"))
    settings = settings_of(company, exchange={"ews_url": company.exchange.ews_url})
    bench = check_factory_of(company, ManualClock(TEN))
    probe = bench.resolution(settings, secrets, users_of(company), DOMAIN, lambda *_: None)
    reported: list[CheckStep] = []
    broken = CheckResult(await probe.run(reported.append), reported).failed_at("resolution")
    assert isinstance(broken.failure, LoginRefused)
    nobody = UserSelection(include=UserFilter(names=("nobody",)))
    settings = replace(settings, pbx=replace(settings.pbx, users=nobody))
    probe = bench.resolution(settings, SECRETS, users_of(company), DOMAIN, lambda *_: None)
    [step, skipped] = await probe.run(lambda _: None)
    assert isinstance(step.failure, NobodyTakesPart)
    assert skipped.outcome is StepOutcome.SKIPPED
