"""The engine's own certificates in the secret store: when one is made, and which one is in force after any crash."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from engine.core.secret import Secret
from engine.settings.model import ApplicationProof, ExchangeSettings, ExchangeType
from engine.store.own_certificates import (
    NEXT_CERTIFICATE,
    OWN_CERTIFICATE,
    OwnCertificates,
    certificate_in,
    make_certificate,
    own_certificates,
)
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import SecretStore
from engine.store.secrets import application_proof
from engine.tls.self_signed import self_signed
from tests.support.killed import killed_at_work

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CLOUD = ExchangeSettings(type=ExchangeType.CLOUD_EWS)
ONE, OTHER = Secret("one"), Secret("other")


def sources_in(directory: Path) -> SecretSources:
    return SecretSources({}, None, SecretStore(directory, None), lambda: NOW, settings_file=directory / "settings.toml")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.mark.slow
def test_it_is_what_entra_takes_for_two_years() -> None:
    made = make_certificate(NOW)
    certificate = certificate_in(made)
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    assert key.key_size == 3072
    assert [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [
        "calendar-engine"
    ]
    assert certificate.not_valid_after_utc == NOW + timedelta(days=730)
    assert "PRIVATE KEY" not in f"{made} {made!r} {OwnCertificates(made)!r}"


def test_the_next_one_is_in_force_where_it_replaces_nothing() -> None:
    assert own_certificates({}) == OwnCertificates()
    assert own_certificates({NEXT_CERTIFICATE: ONE}).current is ONE
    assert own_certificates({NEXT_CERTIFICATE: ONE, "exchange.client_secret": OTHER}).next is ONE
    assert own_certificates({NEXT_CERTIFICATE: ONE, OWN_CERTIFICATE: OTHER}) == OwnCertificates(OTHER, ONE)


def test_what_the_application_logs_in_with_is_never_in_doubt() -> None:
    both, none = OwnCertificates(ONE), OwnCertificates()
    file = ExchangeSettings(type=ExchangeType.CLOUD_EWS, certificate=Path("/a"), certificate_key=Path("/b"))
    assert application_proof(file, both, OTHER) is ApplicationProof.CERTIFICATE_FILE
    assert application_proof(CLOUD, both, OTHER) is ApplicationProof.OWN_CERTIFICATE
    assert application_proof(CLOUD, none, OTHER) is ApplicationProof.CLIENT_SECRET
    assert application_proof(CLOUD, OwnCertificates(next=ONE), OTHER) is ApplicationProof.CLIENT_SECRET
    assert application_proof(CLOUD, none, None) is None
    assert application_proof(ExchangeSettings(type=ExchangeType.ON_PREMISES), both, OTHER) is None


def test_one_is_made_only_where_one_is_needed() -> None:
    fresh, old = (
        Secret(b"".join(self_signed("x", NOW - timedelta(days=days), key_size=2048)).decode()) for days in (0, 710)
    )
    for present, first, renewed in (
        (OwnCertificates(), True, True),
        (OwnCertificates(fresh), False, True),
        (OwnCertificates(old), False, True),
        (OwnCertificates(old, fresh), False, False),
        (OwnCertificates(next=fresh), False, False),
        (OwnCertificates(fresh, old), False, True),
    ):
        assert (present.lacks(NOW, renew=False), present.lacks(NOW, renew=True)) == (first, renewed)


async def test_another_than_the_next_one_is_not_put_in_force(state: Path) -> None:
    sources = sources_in(state)
    await sources.put({OWN_CERTIFICATE: ONE, NEXT_CERTIFICATE: OTHER})
    await sources.certificate_accepted(Secret("a third one"))
    assert (await sources.certificates()).next.reveal() == OTHER.reveal()
    await sources.certificate_accepted(OTHER)
    assert (await sources.certificates()).current.reveal() == OTHER.reveal()
    assert not (await sources.certificates()).next


def succeed_until_killed(directory: Path, tell: "Connection[int, Any]") -> None:
    async def work() -> None:
        sources = sources_in(directory)
        for number in itertools.count(1):
            await sources.put({NEXT_CERTIFICATE: Secret(str(number))})
            await sources.certificate_accepted(Secret(str(number)))
            tell.send(number)

    asyncio.run(work())


@pytest.mark.process
@pytest.mark.slow
async def test_kill_9_in_the_middle_leaves_one_that_works(state: Path) -> None:
    done = await asyncio.to_thread(killed_at_work, succeed_until_killed, state, 50)
    found = await sources_in(state).certificates()
    assert int(found.current.reveal()) >= done
    assert found.next.reveal() in ("", str(int(found.current.reveal()) + 1))
