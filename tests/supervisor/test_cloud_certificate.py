"""The certificate of the application over the API of a running service: made, uploaded, renewed, and kept secret."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from engine.core.secret import Secret
from engine.simulator.company import CLIENT_ID, CLIENT_SECRET, PBX_PASSWORD, CloudCompany
from engine.simulator.entra import AppRegistration
from engine.simulator.world import World
from engine.store.own_certificates import NEXT_CERTIFICATE, OWN_CERTIFICATE
from engine.store.secret_store import SecretStore, StoredSecret, StoredSecretsUnusable
from engine.tls.self_signed import self_signed
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.service import ServedService, running_service

pytestmark = [pytest.mark.slow, pytest.mark.few]

PATH = "/v1/cloud/certificate"
WITHOUT = {"CALENDAR_ENGINE_PBX_PASSWORD": PBX_PASSWORD.reveal()}
BY_SECRET = {**WITHOUT, "CALENDAR_ENGINE_EXCHANGE_CLIENT_SECRET": CLIENT_SECRET.reveal()}


@dataclass
class Cloud:
    """Exchange Online with an application that knows a client secret, and an engine that may log in as it."""

    company: CloudCompany
    clock: ManualClock
    directory: Path

    @property
    def application(self) -> AppRegistration:
        return self.company.application

    @property
    def stored(self) -> set[str]:
        return set(SecretStore(self.directory / "state", None).load())

    def upload(self, certificate: Mapping[str, Any]) -> None:
        self.application.certificates.append(x509.load_pem_x509_certificate(certificate["pem"].encode()))

    @asynccontextmanager
    async def service(self, environment: Mapping[str, str], **exchange: Any) -> AsyncIterator[ServedService]:
        text = self.company.settings(exchange=exchange)
        async with running_service(self.company, self.clock, self.directory, text, environment=environment) as served:
            yield served


@pytest.fixture
async def cloud(world: World, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Cloud]:
    async with CloudCompany(world, tmp_path, clock) as company:
        yield Cloud(company, clock, tmp_path)


async def works(served: ServedService) -> None:
    await eventually(lambda: all(link.works for link in served.api_state.status().links))


async def _logs_in_with(served: ServedService, proof: str) -> bool:
    """Return whether the status says so, which is up to a few seconds old."""
    return bool((await served.get("/v1/status"))["application_proof"] == proof)


async def test_the_first_certificate_is_made_uploaded_and_used(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with cloud.service(WITHOUT) as served:
        assert await served.concerns() == ["secrets-missing"]
        status, made = await served.ask("POST", PATH)
        assert (status, made["client_id"], made["application_proof"]) == (200, CLIENT_ID, "own certificate")
        [certificate] = made["certificates"]
        assert certificate["state"] == "current"
        assert certificate["sha1"] == certificate["sha1"].upper().replace(":", "")
        assert (await served.ask("POST", PATH))[1]["certificates"] == [certificate], "there is one already"
        cloud.upload(certificate)
        await served.ask("POST", "/v1/log-ins/retry")
        answers = [made, await served.get(PATH), await served.get("/v1/secrets"), await served.get("/v1/audit")]
        assert [each["action"] for each in answers[-1]["entries"]][:2] == ["retry_log_ins", "make_cloud_certificate"]
        needed = {each["name"]: each["needed"] for each in answers[2]["secrets"]}
        assert needed["exchange.client_secret"] is False
    async with cloud.service(WITHOUT) as served:
        await works(served)
        status = await served.get("/v1/status")
        assert status["application_proof"] == "own certificate"
        assert {each["what"] for each in status["expiries"]} == {"application certificate", "PBX certificate"}
        assert (await served.get(PATH))["certificates"] == [certificate]
    on_disk = b"".join(each.read_bytes() for each in (cloud.directory / "state").rglob("*") if each.is_file())
    assert b"PRIVATE KEY" not in on_disk
    assert "PRIVATE KEY" not in caplog.text + str(answers)


async def test_the_next_one_takes_over_when_it_is_uploaded_and_the_former_is_dropped(cloud: Cloud) -> None:
    async with cloud.service(BY_SECRET) as served:
        await works(served)
        _, made = await served.ask("POST", PATH)
        [following] = made["certificates"]
        assert (following["state"], made["application_proof"]) == ("next", "client secret")
        await works(served)
        assert cloud.stored == {NEXT_CERTIFICATE}
        cloud.upload(following)
        _, retried = await served.ask("POST", "/v1/log-ins/retry")
        assert retried["restarted"] == ["PBX link", "calendars"], "it is tried at once, not an hour later"
        await eventually(lambda: cloud.stored == {OWN_CERTIFICATE})
        [current] = (await served.get(PATH))["certificates"]
        assert current == {**following, "state": "current"}
        await eventually(lambda: _logs_in_with(served, "own certificate"))
        _, renewed = await served.ask("POST", f"{PATH}/renew")
        assert [each["state"] for each in renewed["certificates"]] == ["current", "next"]
        assert renewed["certificates"][0] == current
        assert (await served.ask("POST", f"{PATH}/renew"))[1]["certificates"] == renewed["certificates"]
        await works(served)
        cloud.application.certificates.clear()
        cloud.upload(renewed["certificates"][1])
    async with cloud.service(WITHOUT) as served:
        await works(served)
        await eventually(lambda: cloud.stored == {OWN_CERTIFICATE})
        [current] = (await served.get(PATH))["certificates"]
        assert current["sha256"] == renewed["certificates"][1]["sha256"]


async def test_one_that_cannot_be_put_in_force_on_disk_is_used_and_tried_again_after_a_restart(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with cloud.service(BY_SECRET) as served:
        _, made = await served.ask("POST", PATH)
    cloud.upload(made["certificates"][0])
    cloud.application.client_secrets.clear()
    with monkeypatch.context() as disk:
        disk.setattr(SecretStore, "store", _full)
        async with cloud.service(BY_SECRET) as served:
            await works(served)
            assert "No space left on device" in caplog.text
    assert cloud.stored == {NEXT_CERTIFICATE}
    async with cloud.service(BY_SECRET) as served:
        await works(served)
        await eventually(lambda: cloud.stored == {OWN_CERTIFICATE})


def _full(*_: object) -> None:
    raise StoredSecretsUnusable("secrets.enc: No space left on device")


async def test_a_certificate_in_the_settings_takes_precedence_and_says_so(cloud: Cloud) -> None:
    files = {"certificate": str(cloud.directory / "app.pem"), "certificate_key": str(cloud.directory / "app.key")}
    async with cloud.service(BY_SECRET, **files) as served:
        _, made = await served.ask("POST", PATH)
        assert made["application_proof"] == "certificate file"
        assert made["restarted"] == []


async def test_without_the_certificates_the_client_secret_is_used_again(cloud: Cloud) -> None:
    async with cloud.service(WITHOUT) as served:
        await served.ask("POST", PATH)
    async with cloud.service(BY_SECRET) as served:
        assert (await served.get(PATH))["application_proof"] == "own certificate"
        status, left = await served.ask("DELETE", PATH)
        assert (status, left["certificates"], left["application_proof"]) == (200, [], "client secret")
        await works(served)
        assert cloud.stored == set()


async def test_an_entered_end_of_the_secret_is_warned_of_and_over_with_another_one(cloud: Cloud) -> None:
    soon, later = (cloud.clock.now().date() + timedelta(days=days) for days in (14, 400))
    async with cloud.service(BY_SECRET, client_secret_expires=soon) as served:
        await works(served)
        [concern] = [each for each in await served.concerns() if "expires" in each]
        assert concern == "client-secret-expires"
        await served.change({"exchange.client_secret_expires": f"{later}"})
        assert "client-secret-expires" not in await served.concerns()


@pytest.mark.parametrize("kept", ["in the store", "in files"])
async def test_a_certificate_that_ends_is_warned_of(cloud: Cloud, kept: str) -> None:
    key, certificate = self_signed("calendar-engine", cloud.clock.now() - timedelta(days=720), key_size=2048)
    cloud.upload({"pem": certificate.decode()})
    files: dict[str, str] = {}
    if kept == "in files":
        files = {name: str(cloud.directory / name) for name in ("certificate", "certificate_key")}
        (cloud.directory / "certificate").write_bytes(certificate)
        (cloud.directory / "certificate_key").write_bytes(key)
    else:
        (cloud.directory / "state").mkdir(0o700)
        own = StoredSecret(Secret((key + certificate).decode()), cloud.clock.now())
        SecretStore(cloud.directory / "state", None).store({OWN_CERTIFICATE: own})
    async with cloud.service(WITHOUT, **files) as served:
        await works(served)
        [concern] = [each for each in (await served.get("/v1/status"))["concerns"] if not each["users"]]
        trouble = concern["trouble"]
        assert trouble["type"] == "application-certificate-expires"
        assert trouble["title"] == "The certificate of the application expires in 10 days"
        assert files.get("certificate", "") in trouble["detail"]


@pytest.mark.parametrize("lost", ["key is lost", "key is another"])
async def test_what_cannot_be_decrypted_is_named_and_left_alone(cloud: Cloud, lost: str) -> None:
    async with cloud.service(WITHOUT) as served:
        await served.ask("POST", PATH)
    state = cloud.directory / "state"
    (state / "secrets.key").unlink()
    if lost == "key is another":
        other = cloud.directory / "other"
        other.mkdir(0o700)
        SecretStore(other, None).store({})
        (other / "secrets.key").rename(state / "secrets.key")
    before = (state / "secrets.enc").read_bytes()
    slug = "secrets-key-unusable" if lost == "key is lost" else "secrets-key-wrong"
    async with cloud.service(WITHOUT) as served:
        assert await served.concerns() == [slug]
        for method, path in (("GET", PATH), ("POST", PATH), ("POST", f"{PATH}/renew"), ("DELETE", PATH)):
            status, problem = await served.ask(method, path)
            assert (status, problem["type"]) == (422, slug)
    assert (state / "secrets.enc").read_bytes() == before
