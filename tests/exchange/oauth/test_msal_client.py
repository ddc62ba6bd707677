"""Tokens of a strict authority over real sockets, by secret and by certificate, and every refusal by its name."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.core.errors import Fault
from engine.core.secret import Secret
from engine.exchange.errors import CertificateNotTrusted, ExchangeFailure
from engine.exchange.oauth.errors import (
    ApplicationUnknown,
    AuthorityTlsImpossible,
    AuthorityUnreachable,
    ClientCertificateRefused,
    ClientCertificateUnusable,
    ClientSecretExpired,
    ClientSecretRefused,
    ClockWrong,
    ResourceUnknown,
    TenantUnknown,
)
from engine.exchange.oauth.msal_client import Application, ClientCertificate, Token
from engine.simulator.certificates import CertificateAuthority, Flaw
from engine.simulator.entra import EntraSimulator
from engine.simulator.faults import Cut, Reply
from tests.campaigns.fuzz.files import key_files
from tests.exchange.oauth.conftest import CLIENT, RESOURCE, SECRET, KeyPair, MakeApplication, make_key_pair
from tests.support.old_tls import old_tls
from tests.support.site import collect_cancelled_handshakes


@pytest.fixture(autouse=True)
def nothing_secret_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text
    assert "access_token" not in caplog.text


async def fetch(application: Application, *, other_than_before: bool = False) -> Token:
    return await asyncio.to_thread(application.token, other_than_before=other_than_before)


async def failure_of(application: Application) -> ExchangeFailure:
    with pytest.raises(ExchangeFailure) as raised:
        await fetch(application)
    application.close()
    failure = raised.value
    assert SECRET not in f"{failure} {failure!r}"
    return failure


async def test_a_secret_gets_a_token_that_is_good_for_an_hour(
    entra: EntraSimulator, make_application: MakeApplication
) -> None:
    application = make_application()
    token = await fetch(application)
    assert entra.holder(token.value.reveal(), RESOURCE) == CLIENT
    assert token.seconds == 3600
    assert token.value.reveal() not in repr(token)
    application.close()


async def test_a_certificate_gets_one_too(
    entra: EntraSimulator, make_application: MakeApplication, key_pair: KeyPair, tmp_path: Path
) -> None:
    application = make_application(key_pair.files(tmp_path))
    assert entra.holder((await fetch(application)).value.reveal(), RESOURCE) == CLIENT
    application.close()


async def test_a_token_is_kept_until_another_is_asked_for(
    entra: EntraSimulator, make_application: MakeApplication
) -> None:
    application = make_application()
    first = await fetch(application)
    assert (await fetch(application)).value.reveal() == first.value.reveal()
    assert (await fetch(application, other_than_before=True)).value.reveal() != first.value.reveal()
    assert entra.ledger.operations == {"discovery": 1, "token": 2}
    application.close()


async def test_nobody_is_asked_before_a_token_is(entra: EntraSimulator, make_application: MakeApplication) -> None:
    make_application().close()
    assert entra.ledger.records() == []


async def test_a_wrong_secret(make_application: MakeApplication) -> None:
    failure = await failure_of(make_application(Secret(SECRET + "x")))
    assert type(failure) is ClientSecretRefused
    assert "AADSTS7000215" in failure.detail
    assert failure.fault is Fault.CREDENTIALS


async def test_an_expired_secret(entra: EntraSimulator, make_application: MakeApplication) -> None:
    entra.applications[CLIENT].client_secrets[SECRET] = datetime.now(UTC) - timedelta(days=1)
    assert type(await failure_of(make_application())) is ClientSecretExpired


async def test_an_unknown_tenant(make_application: MakeApplication) -> None:
    failure = await failure_of(make_application(tenant="00000000-0000-0000-0000-000000000001"))
    assert type(failure) is TenantUnknown
    assert "exchange.tenant_id" in failure.remedy


async def test_an_unknown_application(make_application: MakeApplication) -> None:
    failure = await failure_of(make_application(client="00000000-0000-0000-0000-000000000002"))
    assert type(failure) is ApplicationUnknown
    assert "exchange.client_id" in failure.remedy


async def test_a_resource_without_the_application(make_application: MakeApplication) -> None:
    failure = await failure_of(make_application(resource="https://graph.microsoft.us"))
    assert type(failure) is ResourceUnknown
    assert "AADSTS500011, invalid_resource" in failure.detail


async def test_a_certificate_that_nobody_uploaded(make_application: MakeApplication, tmp_path: Path) -> None:
    assert type(await failure_of(make_application(make_key_pair().files(tmp_path)))) is ClientCertificateRefused


async def test_a_clock_that_is_wrong_says_by_how_much(
    entra: EntraSimulator, make_application: MakeApplication, key_pair: KeyPair, tmp_path: Path
) -> None:
    entra.now = lambda: datetime.now(UTC) + timedelta(hours=2)
    failure = await failure_of(make_application(key_pair.files(tmp_path)))
    assert type(failure) is ClockWrong
    assert "behind" in failure.detail
    assert 7190 < int(failure.detail.split()[2]) < 7210


async def test_certificate_files_that_cannot_be_used(
    make_application: MakeApplication, key_pair: KeyPair, tmp_path: Path
) -> None:
    good, other = key_pair.files(tmp_path), make_key_pair().files(tmp_path, "other")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("-----BEGIN CERTIFICATE-----\n")
    for files, said in (
        (ClientCertificate(good.certificate, other.key), "is not the key of"),
        (ClientCertificate(nonsense, good.key), "no PEM certificate"),
        (ClientCertificate(good.certificate, nonsense), "no PEM private key"),
        (ClientCertificate(good.certificate, tmp_path / "gone.key"), "gone.key: No such file"),
    ):
        failure = await failure_of(make_application(files))
        assert type(failure) is ClientCertificateUnusable
        assert said in failure.detail


async def test_a_key_that_entra_does_not_take_is_said_to_be_none(
    make_application: MakeApplication, tmp_path: Path
) -> None:
    file = tmp_path / "ec.pem"
    file.write_bytes(key_files()[-1])
    failure = await failure_of(make_application(ClientCertificate(file, file)))
    assert type(failure) is ClientCertificateUnusable
    assert "not an RSA key" in failure.detail


async def test_what_stands_around_a_certificate_may_be_in_any_charset(
    make_application: MakeApplication, key_pair: KeyPair, tmp_path: Path
) -> None:
    files = key_pair.files(tmp_path)
    for file in (files.certificate, files.key):
        file.write_bytes("subject=CN = Müller\n".encode("latin-1") + file.read_bytes())
    application = make_application(files)
    assert (await fetch(application)).seconds > 0
    application.close()


@pytest.mark.parametrize("operation", ["discovery", "token"])
@pytest.mark.parametrize(
    "effect",
    [
        Reply(503, b"", {"Retry-After": "7"}),
        Reply(429, b"{}", {"Retry-After": "7"}),
        Reply(200, b"<html>please log in</html>", {"Content-Type": "text/html"}),
        Reply(302, b"", {"Location": "https://proxy.example/"}),
        Cut(),
    ],
    ids=["503", "429", "page", "redirect", "cut"],
)
async def test_an_authority_in_trouble_is_tried_again_later(
    entra: EntraSimulator, make_application: MakeApplication, operation: str, effect: Reply | Cut
) -> None:
    application = make_application()
    fault = entra.faults.add(effect, operation=operation)
    with pytest.raises(AuthorityUnreachable):
        await fetch(application)
    entra.faults.clear(fault)
    assert entra.holder((await fetch(application)).value.reveal(), RESOURCE) == CLIENT
    application.close()


TOKEN = '{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ0eXAi.eyJhdWQi.c2ln"}'
NESTED = '{"a":' * 3000 + "1" + "}" * 3000


@pytest.mark.parametrize(
    "body",
    [
        TOKEN.replace("3599", "1e309"),
        TOKEN.replace("3599", "{}"),
        TOKEN.replace("3599", '"soon"'),
        TOKEN.replace("3599", '3599,"refresh_in":null'),
        TOKEN.replace("3599", '3599,"refresh_in":1e309'),
        TOKEN.replace("3599", '3599,"ext_expires_in":[]'),
        TOKEN.replace('"eyJ0eXAi.eyJhdWQi.c2ln"', "7"),
        TOKEN.replace('"eyJ0eXAi.eyJhdWQi.c2ln"', NESTED),
        TOKEN[:-1],
        f"[{TOKEN}]",
    ],
)
async def test_a_token_of_other_types_than_promised_is_no_answer(
    entra: EntraSimulator, make_application: MakeApplication, body: str
) -> None:
    application = make_application()
    entra.faults.add(Reply(200, body.encode(), {"Content-Type": "application/json"}), operation="token")
    with pytest.raises(AuthorityUnreachable, match="cannot be understood"):
        await fetch(application)
    application.close()


@pytest.mark.parametrize(
    "changed",
    [
        {"token_endpoint": True},
        {"token_endpoint": -1},
        {"token_endpoint": None},
        {"token_endpoint": "http://login.example/token"},
        {"token_endpoint": "https://login.example:port/token"},
        {"token_endpoint": "https://login.example/\x7f"},
        {"token_endpoint": "https://login.\ufffdxample/token"},
        {"token_endpoint": "https://[::1/token"},
        {"token_endpoint": "https://"},
        {"authorization_endpoint": 7},
        {"issuer": ["x"]},
        {"issuer": json.loads('{"a":' * 200 + "1" + "}" * 200)},
    ],
    ids=str,
)
async def test_a_tenant_described_with_other_types_than_promised_is_no_answer(
    entra: EntraSimulator, make_application: MakeApplication, changed: dict[str, object]
) -> None:
    right = {
        "token_endpoint": "https://login.example/t/oauth2/v2.0/token",
        "authorization_endpoint": "https://login.example/t/oauth2/v2.0/authorize",
        "issuer": "https://login.example/t/v2.0",
    }
    application = make_application()
    entra.faults.add(Reply(200, json.dumps(right | changed).encode()), operation="discovery")
    with pytest.raises(AuthorityUnreachable):
        await fetch(application)
    assert not [record for record in entra.ledger.records() if record.operation == "token"]
    application.close()


async def test_an_authority_that_is_not_there(make_application: MakeApplication) -> None:
    failure = await failure_of(make_application(url="https://localhost:1"))
    assert type(failure) is AuthorityUnreachable
    assert failure.fault is Fault.NETWORK


async def test_an_authority_with_another_certificate(make_application: MakeApplication) -> None:
    failure = await failure_of(make_application(ca=CertificateAuthority("another")))
    assert type(failure) is CertificateNotTrusted
    assert failure.meaning == ("The Microsoft Entra certificate was issued by a CA that is not trusted here")
    collect_cancelled_handshakes()


@pytest.mark.parametrize(
    ("name", "flaw", "meaning", "remedy"),
    [
        ("localhost", Flaw.EXPIRED, "has expired", "Renew the certificate"),
        ("localhost", Flaw.NOT_YET_VALID, "is not valid yet", "clocks"),
        ("localhost", Flaw.COMMON_NAME_ONLY, "has no alternative names", "SAN"),
        ("localhost", Flaw.SELF_SIGNED, "is self-signed", "exchange.ca_file"),
        ("login.corp.example", None, "is for other names", "exchange.authority"),
    ],
)
async def test_each_flaw_of_a_certificate_has_its_own_words(
    authority: CertificateAuthority,
    make_application: MakeApplication,
    name: str,
    flaw: Flaw | None,
    meaning: str,
    remedy: str,
) -> None:
    async with EntraSimulator(authority=authority, name=name, flaw=flaw) as entra:
        failure = await failure_of(make_application(url=entra.url))
        assert type(failure) is CertificateNotTrusted
        assert failure.meaning == f"The Microsoft Entra certificate {meaning}"
        assert remedy in failure.remedy
        assert ("exchange.ca_file" in failure.remedy) is (flaw is Flaw.SELF_SIGNED)
        assert f"it belongs to CN={name}" in failure.detail
        assert "ews_url" not in failure.remedy
        assert entra.ledger.records() == []
        collect_cancelled_handshakes()


@pytest.mark.parametrize("resets", [False, True])
async def test_an_authority_that_speaks_old_tls_alone_is_told_so(
    make_application: MakeApplication, resets: bool
) -> None:
    async with old_tls(resets=resets) as port:
        failure = await failure_of(make_application(url=f"https://localhost:{port}"))
    assert type(failure) is AuthorityTlsImpossible
    assert "TLS 1.2" in failure.remedy
    assert not failure.sent, "the secret was not on its way"


async def test_proxies_of_the_environment_are_not_used(
    entra: EntraSimulator, make_application: MakeApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    monkeypatch.setenv("ALL_PROXY", "http://localhost:1")
    application = make_application()
    assert (await fetch(application)).seconds == 3600
    application.close()
