"""Tests of the check of the PBX: passing, and failing at each step."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from engine.checks.check import StepOutcome
from engine.checks.errors import NameNotFound, UserNotInPbx
from engine.core.secret import Secret
from engine.pbx.errors import (
    ListeningImpossible,
    NotAPbx,
    PbxCertificateNotTrusted,
    PbxLoginRefused,
    PbxNotConnected,
    PbxPasswordWrong,
    PbxRightsMissing,
    PbxUnreachable,
    WrongPbx,
)
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.company import MASTER, Company
from engine.simulator.pbx.connection import AppObject
from engine.simulator.pbx.state import ALL_APIS, PbxInfoSent
from engine.sync.hold import NobodyTakesPart
from tests.checks.support import run_pbx_check
from tests.support.ports import free_port

WRONG = Secret("another password")


async def test_a_right_set_up_climbs_every_rung(company: Company, tmp_path: Path) -> None:
    result = await run_pbx_check(company, tmp_path, user="anna.mueller")
    assert [step.outcome for step in result.steps.values()] == [StepOutcome.OK] * 10
    assert "CN=Simulated CA" in result.evidence("TLS")
    assert "TLSv1" in result.evidence("TLS")
    assert MASTER in result.evidence("master PBX")
    number = len(company.world.people)
    assert result.evidence("users") == f"{number} users, {number} of them take part"
    assert "Anna" in result.evidence("presence")
    assert not company.pbx.ledger.writes


async def test_a_name_that_nobody_knows(company: Company, tmp_path: Path) -> None:
    broken = (await run_pbx_check(company, tmp_path, host="pbx.invalid")).failed_at("name lookup")
    assert isinstance(broken.failure, NameNotFound)
    assert "pbx.invalid" in str(broken.failure)


async def test_a_port_that_refuses(company: Company, tmp_path: Path) -> None:
    broken = (await run_pbx_check(company, tmp_path, port=free_port())).failed_at("connection")
    assert isinstance(broken.failure, PbxUnreachable)


async def test_a_private_ca_is_answered_with_the_very_fingerprint(company: Company, tmp_path: Path) -> None:
    another = tmp_path / "another"
    another.mkdir()
    ca_file = str(CertificateAuthority("Another CA").ca_file(another))
    result = await run_pbx_check(company, tmp_path, ca_file=ca_file)
    broken = result.failed_at("TLS")
    assert isinstance(broken.failure, PbxCertificateNotTrusted)
    [shown] = [line.removeprefix("SHA-256 ") for line in broken.evidence if line.startswith("SHA-256 ")]
    assert f'pbx.fingerprint = "{shown}"' in broken.remedy
    assert "pbx.ca_file" in broken.remedy
    assert "CN=Simulated CA" in broken.remedy
    again = await run_pbx_check(company, tmp_path, ca_file=ca_file, fingerprint=shown)
    assert again.all_well


async def test_another_fingerprint_is_not_trusted(company: Company, tmp_path: Path) -> None:
    broken = (await run_pbx_check(company, tmp_path, fingerprint=":".join(["AB"] * 32))).failed_at("TLS")
    assert isinstance(broken.failure, PbxCertificateNotTrusted)


async def test_a_file_that_is_not_there(company: Company, tmp_path: Path) -> None:
    broken = (await run_pbx_check(company, tmp_path, ca_file="/nowhere/ca.pem")).failed_at("TLS")
    assert "/nowhere/ca.pem" in str(broken.failure)


async def test_plain_http_where_tls_should_be_and_the_other_way_round(company: Company, tmp_path: Path) -> None:
    without = await run_pbx_check(company, tmp_path, tls=False)
    assert without["TLS"].outcome is StepOutcome.SKIPPED
    assert without.failed_at("App WebSocket").failure is not None
    await company.pbx.stop()
    company.pbx.tls = None
    await company.pbx.start()
    broken = (await run_pbx_check(company, tmp_path)).failed_at("TLS")
    assert isinstance(broken.failure, PbxUnreachable)
    assert "pbx.tls" in broken.remedy


async def test_something_else_than_a_pbx(company: Company, tmp_path: Path) -> None:
    broken = (await run_pbx_check(company, tmp_path, port=company.exchange.port, host="localhost")).failed_at(
        "App WebSocket"
    )
    assert isinstance(broken.failure, NotAPbx)


@pytest.mark.parametrize("wrong", [{"app": "missing"}, {"password": WRONG}])
async def test_a_missing_app_object_and_a_wrong_password(
    company: Company, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    result = await run_pbx_check(company, tmp_path, **wrong)
    assert result["App WebSocket"].outcome is StepOutcome.OK
    assert isinstance(result.failed_at("log-in").failure, PbxLoginRefused)


@pytest.mark.parametrize("told", [PbxInfoSent.AFTER_LOGIN, PbxInfoSent.NEVER])
async def test_another_pbx_than_the_master(company: Company, tmp_path: Path, told: PbxInfoSent) -> None:
    company.pbx.behaviour.pbx_info = told
    result = await run_pbx_check(company, tmp_path, master="branch")
    assert result["log-in"].outcome is StepOutcome.OK
    assert isinstance(result.failed_at("master PBX").failure, WrongPbx)


@pytest.mark.slow
@pytest.mark.parametrize("told", [PbxInfoSent.AFTER_LOGIN, PbxInfoSent.NEVER])
@pytest.mark.parametrize("api", sorted(ALL_APIS))
async def test_a_missing_tick(company: Company, tmp_path: Path, api: str, told: PbxInfoSent) -> None:
    company.pbx.behaviour.pbx_info = told
    company.pbx.behaviour.apis = ALL_APIS - {api}
    result = await run_pbx_check(company, tmp_path)
    if api == "PbxApi" and told is PbxInfoSent.NEVER:
        assert result.failed_at("presence").failure is not None
        return
    broken = result.failed_at("rights")
    assert isinstance(broken.failure, PbxRightsMissing)
    assert api in str(broken.failure)


async def test_a_selection_that_leaves_nobody_and_a_user_that_is_none(company: Company, tmp_path: Path) -> None:
    nobody = await run_pbx_check(company, tmp_path, users={"include": {"names": ["nobody"]}})
    assert isinstance(nobody.failed_at("users").failure, NobodyTakesPart)
    assert isinstance((await run_pbx_check(company, tmp_path, user="nemo")).failed_at("presence").failure, UserNotInPbx)


async def test_the_pbx_connects(company: Company, tmp_path: Path) -> None:
    port = free_port()
    listening: dict[str, Any] = {
        "link": "listen",
        "listen_address": "127.0.0.1",
        "listen_port": port,
        "listen_names": ["localhost"],
    }
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    url = f"https://localhost:{port}/calendar/sync/engine/calendar"
    async with company.pbx.connecting(AppObject(url=url), tls=context):
        result = await run_pbx_check(company, tmp_path, **listening)
        assert result.all_well
        assert f"URL for the App object: {url}" in result.evidence("port")
        refused = await run_pbx_check(company, tmp_path, password=WRONG, **listening)
        assert isinstance(refused.failed_at("log-in").failure, PbxPasswordWrong)
    silent = await run_pbx_check(company, tmp_path, patience=0.3, **listening)
    assert isinstance(silent.failed_at("connection from the PBX").failure, PbxNotConnected)
    taken = await run_pbx_check(company, tmp_path, **{**listening, "listen_port": company.pbx.port})
    assert isinstance(taken.failed_at("port").failure, ListeningImpossible)
