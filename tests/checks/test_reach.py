"""Tests of the checks that cost no log-in: the way to the PBX, to Exchange and to Microsoft, and this machine."""

import socket
from pathlib import Path
from typing import Any

import pytest

from engine.checks.check import CheckStep, StepOutcome
from engine.checks.clock import is_kept_right, largest_error
from engine.checks.errors import DirectoryNotWritable
from engine.checks.factory import CheckFactory
from engine.checks.machine import MachineCheck
from engine.pbx.errors import ListeningImpossible
from engine.settings.reader import read_as_far_as_valid
from engine.simulator.company import CloudCompany, Company, HybridCompany, PbxSite
from engine.simulator.exchange.authentication import Seen
from engine.simulator.proxy import ProxySimulator
from engine.simulator.world import World
from engine.sync.clocks import SteadyClock
from tests.checks.support import NOON, CheckResult, check_factory_of, proxy_to, settings_of
from tests.support.clock import ManualClock


def factory_of(company: PbxSite) -> CheckFactory:
    return check_factory_of(company, ManualClock(NOON))


async def reach_pbx(company: PbxSite, **pbx: Any) -> CheckResult:
    reported: list[CheckStep] = []
    check = factory_of(company).pbx_reach(settings_of(company, pbx=pbx).pbx)
    steps = await check.run(reported.append)
    assert [step.name for step in steps] == list(check.names)
    return CheckResult(steps, reported)


async def reach_exchange(company: PbxSite, through: ProxySimulator | None = None, **exchange: Any) -> CheckResult:
    reported: list[CheckStep] = []
    check = check_factory_of(company, ManualClock(NOON), through=through).exchange_reach(
        settings_of(company, exchange=exchange)
    )
    steps = await check.run(reported.append)
    assert [step.name for step in steps] == list(check.names)
    return CheckResult(steps, reported)


async def test_the_way_to_the_pbx_costs_no_log_in(company: Company) -> None:
    result = await reach_pbx(company)
    assert [step.outcome for step in result.steps.values()] == [StepOutcome.OK] * 4
    assert "CN=Simulated CA" in result.evidence("TLS")
    assert "the clock agrees" in result.evidence("clock")
    assert company.pbx.ledger.logins == []


async def test_without_a_name_nothing_is_asked(company: Company) -> None:
    settings = read_as_far_as_valid('[pbx]\nhost = "https://pbx"', company.world.zone)
    steps = await factory_of(company).pbx_reach(settings.pbx).run(lambda _: None)
    assert {step.outcome for step in steps} == {StepOutcome.SKIPPED}


@pytest.mark.parametrize("known", [True, False])
async def test_the_way_to_exchange_costs_no_log_in(company: Company, known: bool) -> None:
    result = await reach_exchange(company, None, **({"ews_url": company.exchange.ews_url} if known else {}))
    assert result.all_well
    assert "negotiate, ntlm" in result.evidence("web services")
    assert result["autodiscover"].outcome is (StepOutcome.SKIPPED if known else StepOutcome.OK)
    assert result["clock"].outcome is StepOutcome.OK
    assert set(company.exchange.log_ins) == {Seen.ANONYMOUS}


async def test_the_way_to_microsoft_costs_no_token(world: World, tmp_path: Path) -> None:
    async with CloudCompany(world, tmp_path, ManualClock()) as company:
        result = await reach_exchange(company)
        assert {step.outcome for step in result.steps.values()} == {StepOutcome.OK}
        assert not [record for record in company.entra.ledger.records() if record.operation == "token"]


async def test_both_halves_of_a_hybrid_organisation_are_reached(world: World, tmp_path: Path) -> None:
    async with HybridCompany(world, tmp_path, ManualClock()) as company:
        result = await reach_exchange(company)
        assert result.all_well
        assert result["on premises: web services"].outcome is StepOutcome.OK
        assert result["online: Entra: clock"].outcome is StepOutcome.OK


async def test_a_proxy_that_wants_a_password_gets_none(company: Company) -> None:
    async with proxy_to(company, account=("anna", "secret")) as proxy:
        result = await reach_exchange(company, proxy, proxy=f"http://anna@localhost:{proxy.port}", ews_url="https://a/")
        assert result["connection"].outcome is StepOutcome.OK
        assert result["TLS"].outcome is StepOutcome.SKIPPED
        assert proxy.asked == []


async def test_a_port_that_is_taken_and_the_next_free_one(company: Company) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listening: dict[str, Any] = {"link": "listen", "listen_address": "127.0.0.1", "listen_port": port}
        result = await reach_pbx(company, **listening)
        step = result["port"]
        assert isinstance(step.failure, ListeningImpossible)
        assert step.field == "pbx.listen_port"
        [fix] = step.fixes
        assert (await reach_pbx(company, **listening | {"listen_port": fix.settings["pbx.listen_port"]})).all_well
        in_force = settings_of(company, pbx=listening).pbx
        mine = await factory_of(company).pbx_reach(in_force, in_force).run(lambda _: None)
        assert mine[0].outcome is StepOutcome.OK
    assert result["names"].outcome is StepOutcome.OK


async def test_an_address_of_another_machine(company: Company) -> None:
    listening: dict[str, Any] = {"link": "listen", "listen_address": "192.0.2.1", "listen_names": ["localhost"]}
    step = (await reach_pbx(company, **listening))["port"]
    assert step.field == "pbx.listen_address"
    assert step.fixes[0].settings == {"pbx.listen_address": None}


async def test_the_machine_is_asked_where_it_can_be_written(company: Company, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    check = factory_of(company).machine({"settings directory": tmp_path / "new" / "deep", "state directory": file})
    there, not_there, _ = await check.run(lambda _: None)
    assert there.outcome is StepOutcome.OK
    assert not (tmp_path / "new").exists()
    assert isinstance(not_there.failure, DirectoryNotWritable)
    assert str(file) in not_there.remedy


async def test_the_clock_is_kept_right_or_not_or_nobody_knows(tmp_path: Path) -> None:
    for error, outcome in ((250_000, StepOutcome.OK), (16_000_000, StepOutcome.SKIPPED)):
        [clock] = await MachineCheck({}, SteadyClock(), lambda told=error: told).run(lambda _: None)  # type: ignore[misc]
        assert clock.outcome is outcome
    assert is_kept_right(None, tmp_path / "none") is None
    (tmp_path / "synchronized").touch()
    assert is_kept_right(None, tmp_path / "synchronized")
    largest = largest_error()
    assert largest is None or largest >= 0
