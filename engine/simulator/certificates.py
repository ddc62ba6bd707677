"""Certificates generated on demand, for real, verified TLS in tests and the demo."""

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=730)
LEEWAY = timedelta(hours=1)


class Flaw(Enum):
    """Defects of a certificate, apart from its CA and its names."""

    EXPIRED = auto()
    NOT_YET_VALID = auto()
    COMMON_NAME_ONLY = auto()
    """The host is only in the common name, where old clients looked for it."""
    SELF_SIGNED = auto()


_SHIFTS: Mapping[Flaw | None, timedelta] = MappingProxyType(
    {Flaw.EXPIRED: -LIFETIME - timedelta(days=30), Flaw.NOT_YET_VALID: timedelta(days=30)}
)


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """The TLS context of a server, and its certificate (DER), which clients bind log-ins to."""

    context: ssl.SSLContext
    der: bytes


class CertificateAuthority:
    """A CA that lives in memory; clients trust it through `ca_file` or `pem`."""

    def __init__(self, name: str = "Simulated CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name(name)
        self._certificate = (
            _builder(self._name, self._name, self._key.public_key(), self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The CA's own certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    def ca_file(self, directory: Path) -> Path:
        """Write the CA's certificate into `directory` and return its path."""
        path = directory / "ca.pem"
        path.write_bytes(self.pem)
        return path

    def issue(
        self, *names: str, flaw: Flaw | None = None, ends: datetime | None = None, with_issuer: bool = False
    ) -> IssuedCertificate:
        """Return a server certificate for `names`, each a host name or an IP address; valid until `ends`, if given.

        `with_issuer`: the server sends the certificate of this CA along.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        der = self.issue_into(context, *names, flaw=flaw, ends=ends, with_issuer=with_issuer)
        return IssuedCertificate(context, der)

    def issue_into(
        self,
        context: ssl.SSLContext,
        *names: str,
        flaw: Flaw | None = None,
        ends: datetime | None = None,
        with_issuer: bool = False,
    ) -> bytes:
        """Make `context` present a certificate for `names`, and return that certificate (DER)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _common_name(names[0])
        issuer, signer = (subject, key) if flaw is Flaw.SELF_SIGNED else (self._name, self._key)
        builder = (
            _builder(subject, issuer, key.public_key(), signer.public_key(), _SHIFTS.get(flaw, timedelta()), ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        if flaw is not Flaw.COMMON_NAME_ONLY:
            alternative_names = x509.SubjectAlternativeName([_alternative_name(name) for name in names])
            builder = builder.add_extension(alternative_names, critical=False)
        certificate = builder.sign(signer, hashes.SHA256())
        _load(context, key, certificate, self.pem if with_issuer else b"")
        return certificate.public_bytes(Encoding.DER)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    shift: timedelta = timedelta(),
    ends: datetime | None = None,
) -> x509.CertificateBuilder:
    # TLS libraries use the machine's own time, so no injected clock is used here.
    now = datetime.now(UTC) + shift
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LEEWAY)
        .not_valid_after(ends or now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load(
    context: ssl.SSLContext, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, issuer: bytes
) -> None:
    """Load the certificate through a temporary private file, because `ssl` reads keys only from files."""
    with tempfile.TemporaryDirectory() as directory:
        key_file = Path(directory) / "key.pem"
        certificate_file = Path(directory) / "certificate.pem"
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key_pem)
        certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM) + issuer)
        context.load_cert_chain(certificate_file, key_file)
