"""Tests of the check of the PBX: passing, and failing at each step."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from engine.checks.check import NameNotFound, StepOutcome, UserNotInPbx
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
from tests.checks.support import climb_pbx
from tests.support.ports import free_port

WRONG = Secret("another password")


async def test_a_right_set_up_climbs_every_rung(company: Company, tmp_path: Path) -> None:
    climbed = await climb_pbx(company, tmp_path, user="anna.mueller")
    assert [rung.outcome for rung in climbed.rungs.values()] == [StepOutcome.OK] * 9
    assert "CN=Simulated CA" in climbed.evidence("TLS")
    assert "TLSv1" in climbed.evidence("TLS")
    assert MASTER in climbed.evidence("master PBX")
    number = len(company.world.people)
    assert climbed.evidence("users") == f"{number} users, {number} of them take part"
    assert "Anna" in climbed.evidence("presence")
    assert not company.pbx.ledger.writes


async def test_a_name_that_nobody_knows(company: Company, tmp_path: Path) -> None:
    broken = (await climb_pbx(company, tmp_path, host="pbx.invalid")).fell_at("name lookup")
    assert isinstance(broken.failure, NameNotFound)
    assert "pbx.invalid" in str(broken.failure)


async def test_a_port_that_refuses(company: Company, tmp_path: Path) -> None:
    broken = (await climb_pbx(company, tmp_path, port=free_port())).fell_at("connection")
    assert isinstance(broken.failure, PbxUnreachable)


async def test_a_private_ca_is_answered_with_the_very_fingerprint(company: Company, tmp_path: Path) -> None:
    another = tmp_path / "another"
    another.mkdir()
    ca_file = str(CertificateAuthority("Another CA").ca_file(another))
    climbed = await climb_pbx(company, tmp_path, ca_file=ca_file)
    broken = climbed.fell_at("TLS")
    assert isinstance(broken.failure, PbxCertificateNotTrusted)
    [shown] = [line.removeprefix("SHA-256 ") for line in broken.evidence if line.startswith("SHA-256 ")]
    assert f'pbx.fingerprint = "{shown}"' in broken.remedy
    assert "pbx.ca_file" in broken.remedy
    assert "CN=Simulated CA" in broken.remedy
    again = await climb_pbx(company, tmp_path, ca_file=ca_file, fingerprint=shown)
    assert again.all_well


async def test_another_fingerprint_is_not_trusted(company: Company, tmp_path: Path) -> None:
    broken = (await climb_pbx(company, tmp_path, fingerprint=":".join(["AB"] * 32))).fell_at("TLS")
    assert isinstance(broken.failure, PbxCertificateNotTrusted)


async def test_a_file_that_is_not_there(company: Company, tmp_path: Path) -> None:
    broken = (await climb_pbx(company, tmp_path, ca_file="/nowhere/ca.pem")).fell_at("TLS")
    assert "/nowhere/ca.pem" in str(broken.failure)


async def test_plain_http_where_tls_should_be_and_the_other_way_round(company: Company, tmp_path: Path) -> None:
    without = await climb_pbx(company, tmp_path, tls=False)
    assert without["TLS"].outcome is StepOutcome.SKIPPED
    assert without.fell_at("App WebSocket").failure is not None
    await company.pbx.stop()
    company.pbx.tls = None
    await company.pbx.start()
    broken = (await climb_pbx(company, tmp_path)).fell_at("TLS")
    assert isinstance(broken.failure, PbxUnreachable)
    assert "pbx.tls" in broken.remedy


async def test_something_else_than_a_pbx(company: Company, tmp_path: Path) -> None:
    broken = (await climb_pbx(company, tmp_path, port=company.exchange.port, host="localhost")).fell_at("App WebSocket")
    assert isinstance(broken.failure, NotAPbx)


@pytest.mark.parametrize("wrong", [{"app": "missing"}, {"password": WRONG}])
async def test_a_missing_app_object_and_a_wrong_password(
    company: Company, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    climbed = await climb_pbx(company, tmp_path, **wrong)
    assert climbed["App WebSocket"].outcome is StepOutcome.OK
    assert isinstance(climbed.fell_at("log-in").failure, PbxLoginRefused)


@pytest.mark.parametrize("told", [PbxInfoSent.AFTER_LOGIN, PbxInfoSent.NEVER])
async def test_another_pbx_than_the_master(company: Company, tmp_path: Path, told: PbxInfoSent) -> None:
    company.pbx.behaviour.pbx_info = told
    climbed = await climb_pbx(company, tmp_path, master="branch")
    assert climbed["log-in"].outcome is StepOutcome.OK
    assert isinstance(climbed.fell_at("master PBX").failure, WrongPbx)


@pytest.mark.parametrize("told", [PbxInfoSent.AFTER_LOGIN, PbxInfoSent.NEVER])
@pytest.mark.parametrize("api", sorted(ALL_APIS))
async def test_a_missing_tick(company: Company, tmp_path: Path, api: str, told: PbxInfoSent) -> None:
    company.pbx.behaviour.pbx_info = told
    company.pbx.behaviour.apis = ALL_APIS - {api}
    climbed = await climb_pbx(company, tmp_path)
    if api == "PbxApi" and told is PbxInfoSent.NEVER:
        assert climbed.fell_at("presence").failure is not None
        return
    broken = climbed.fell_at("rights")
    assert isinstance(broken.failure, PbxRightsMissing)
    assert api in str(broken.failure)


async def test_a_selection_that_leaves_nobody_and_a_user_that_is_none(company: Company, tmp_path: Path) -> None:
    nobody = await climb_pbx(company, tmp_path, users={"include": {"names": ["nobody"]}})
    assert isinstance(nobody.fell_at("users").failure, NobodyTakesPart)
    assert isinstance((await climb_pbx(company, tmp_path, user="nemo")).fell_at("presence").failure, UserNotInPbx)


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
        climbed = await climb_pbx(company, tmp_path, **listening)
        assert climbed.all_well
        assert f"URL for the App object: {url}" in climbed.evidence("port")
        refused = await climb_pbx(company, tmp_path, password=WRONG, **listening)
        assert isinstance(refused.fell_at("log-in").failure, PbxPasswordWrong)
    silent = await climb_pbx(company, tmp_path, patience=0.3, **listening)
    assert isinstance(silent.fell_at("connection from the PBX").failure, PbxNotConnected)
    taken = await climb_pbx(company, tmp_path, **{**listening, "listen_port": company.pbx.port})
    assert isinstance(taken.fell_at("port").failure, ListeningImpossible)
