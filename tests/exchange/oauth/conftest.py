"""A simulated authority with one application and its credentials."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from engine.core.secret import Secret
from engine.exchange.http.connection import verified_context
from engine.exchange.http.proxy import Proxy
from engine.exchange.http.trace import Trace
from engine.exchange.http.wire import Network
from engine.exchange.oauth.msal_client import Application, ClientCertificate, Proof, Registration
from engine.simulator.certificates import CertificateAuthority
from engine.simulator.entra import TENANT, AppRegistration, EntraSimulator

CLIENT = "a3f1e6f4-93a9-4b0e-8ee6-5a4a9a8d4a11"
SECRET = "s3cr3t~never.to.be.seen"
BY_SECRET = Secret(SECRET)
RESOURCE = "https://outlook.office365.com"
MakeApplication = Callable[..., Application]


@dataclass(frozen=True)
class KeyPair:
    certificate: x509.Certificate
    key_pem: bytes

    def files(self, directory: Path, name: str = "app") -> ClientCertificate:
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        key.write_bytes(self.key_pem)
        return ClientCertificate(certificate, key)


def make_key_pair() -> KeyPair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "calendar-engine")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return KeyPair(certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture(scope="session")
def key_pair() -> KeyPair:
    return make_key_pair()


@pytest.fixture
async def entra(authority: CertificateAuthority, key_pair: KeyPair) -> AsyncIterator[EntraSimulator]:
    registration = AppRegistration(
        CLIENT,
        (RESOURCE,),
        client_secrets={SECRET: datetime.now(UTC) + timedelta(days=1)},
        certificates=[key_pair.certificate],
    )
    async with EntraSimulator(registration, authority=authority) as simulator:
        yield simulator


@pytest.fixture
def make_application(authority: CertificateAuthority, entra: EntraSimulator, tmp_path: Path) -> MakeApplication:
    """Gives `make_application(proof, …)`: a client of `entra`."""

    def made(
        proof: Proof = BY_SECRET,
        *,
        tenant: str = TENANT,
        client: str = CLIENT,
        resource: str = RESOURCE,
        url: str = "",
        ca: CertificateAuthority = authority,
        trace: Trace | None = None,
        proxy: Proxy | None = None,
        on_certificate: Callable[[datetime], None] = lambda _: None,
    ) -> Application:
        registration = Registration(authority=url or entra.url, tenant_id=tenant, client_id=client, proof=proof)
        tls = verified_context(ca.ca_file(tmp_path))
        scope, network = f"{resource}/.default", Network(tls, proxy=proxy)
        return Application(
            registration,
            scope,
            network=network,
            user_agent="calendar-engine/1",
            trace=trace,
            on_certificate=on_certificate,
        )

    return made
