"""Secrets stored over the API of a running service take effect, and are never returned."""

import logging
from datetime import date
from pathlib import Path

import pytest

from engine.simulator.company import EXCHANGE_PASSWORD, PBX_PASSWORD, Company
from engine.store import secret_sources
from engine.store.secrets import SecretsFileExposed
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]

MONDAY = date(2026, 3, 2)
MARKED = "Tr0ub4dor&3-marked"


def everything_on_disk(directory: Path) -> bytes:
    return b"".join(each.read_bytes() for each in directory.rglob("*") if each.is_file())


async def test_a_secret_is_told_nowhere(
    company: Company, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        answers = [await served.ask("PUT", "/v1/secrets/exchange.client_secret", {"value": MARKED})]
        assert answers[0] == (200, {"name": "exchange.client_secret", "restarted": [], "trouble": None})
        for body in ({"value": MARKED + "\n"}, {"value": [MARKED]}, {"valu": MARKED}, {"value": ""}):
            answers.append(await served.ask("PUT", "/v1/secrets/exchange.client_secret", body))
            assert answers[-1][0] == 400
        answers.append(await served.ask("PUT", "/v1/secrets/ldap.password", {"value": MARKED}))
        assert answers[-1][0] == 404
        await clock.advance(3600)
        secrets = (await served.get("/v1/secrets"))["secrets"]
        told = [secrets, await served.get("/v1/audit"), await served.get("/v1/settings/history")]
        text = str([*answers, *told, await served.get("/v1/status")])
    assert [(each["name"], each["origin"], each["needed"], each["age"]) for each in secrets] == [
        ("exchange.password", "store", True, 3600.0),
        ("exchange.client_secret", "store", False, 3600.0),
        ("exchange.proxy_password", None, False, None),
        ("pbx.password", "store", True, 3600.0),
    ]
    assert MARKED not in text + caplog.text
    on_disk = everything_on_disk(tmp_path / "state")
    for secret in (MARKED, EXCHANGE_PASSWORD.reveal(), PBX_PASSWORD.reveal()):
        assert secret.encode() not in on_disk


async def test_another_password_restarts_what_uses_it(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        status, answer = await served.ask("PUT", "/v1/secrets/pbx.password", {"value": "wrong"})
        assert (status, answer["restarted"]) == (200, ["PBX link", "calendars"])
        await eventually(lambda: "change-broke-link" in {each.slug for each in served.service.concerns()})
        await served.ask("PUT", "/v1/secrets/pbx.password", {"value": PBX_PASSWORD.reveal()})
        await served.settled()
        assert "change-broke-link" not in await served.concerns()


async def test_without_a_secret_that_is_needed_nothing_runs(
    company: Company, clock: ManualClock, tmp_path: Path
) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        _, answer = await served.ask("DELETE", "/v1/secrets/pbx.password")
        assert answer["trouble"]["type"] == "secrets-missing"
        assert (await served.get("/v1/status"))["state"] == "not set up"
        assert (await served.get("/v1/users"))["total"] == 0
        assert (await served.ask("DELETE", "/v1/secrets/pbx.password"))[0] == 404


async def test_the_key_changes_while_everything_goes_on(company: Company, clock: ManualClock, tmp_path: Path) -> None:
    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        before = everything_on_disk(tmp_path / "state")
        assert (await served.ask("POST", "/v1/secrets/rotate-key"))[0] == 200
        assert everything_on_disk(tmp_path / "state") != before
        assert len(company.pbx.ledger.logins) == 1
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        await served.settled()


async def test_nothing_is_stored_beside_a_secrets_file_that_is_refused(
    company: Company, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SecretsFileExposed("secrets.toml has mode 0644")

    async with running_service(company, clock, tmp_path, company.settings()) as served:
        await served.settled()
        monkeypatch.setattr(secret_sources, "given_secrets", refuse)
        before = (tmp_path / "state" / "secrets.enc").read_bytes()
        for method, body in (("PUT", {"value": "x"}), ("DELETE", None)):
            status, problem = await served.ask(method, "/v1/secrets/pbx.password", body)
            assert (status, problem["type"]) == (422, "secrets-file-exposed")
        assert (tmp_path / "state" / "secrets.enc").read_bytes() == before


@pytest.mark.parametrize("damage", ["wrong key", "damaged", "exposed"])
async def test_secrets_that_cannot_be_read_are_named_and_left_alone(
    company: Company, clock: ManualClock, tmp_path: Path, damage: str
) -> None:
    state = tmp_path / "state"
    async with running_service(company, clock, tmp_path, company.settings()):
        pass
    if damage == "wrong key":
        key = state / "secrets.key"
        key.write_bytes(key.read_bytes()[::-1].strip().translate(bytes.maketrans(b"=", b"A"))[:43] + b"=\n")
    elif damage == "damaged":
        (state / "secrets.enc").write_bytes((state / "secrets.enc").read_bytes()[:-20])
    else:
        state.chmod(0o755)
    before = (state / "secrets.enc").read_bytes()
    slug = {"damaged": "stored-secrets-damaged", "exposed": "state-directory-exposed"}.get(damage, "secrets-key-wrong")
    async with running_service(company, clock, tmp_path, None, with_secrets=False) as served:
        assert await served.concerns() == [slug]
        status, problem = await served.ask("PUT", "/v1/secrets/pbx.password", {"value": "x"})
        assert (status, problem["type"]) == (422, slug)
        assert problem["hint"]
    assert (state / "secrets.enc").read_bytes() == before
