"""The hash of the certificate in a channel binding is that of RFC 5929."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from engine.exchange.http.auth import tls_server_end_point


def certificate(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, algorithm: hashes.SHA512 | None) -> bytes:
    now = datetime.now(UTC)
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def test_the_hash_is_the_one_of_the_certificates_signature() -> None:
    der = certificate(ec.generate_private_key(ec.SECP256R1()), hashes.SHA512())
    assert tls_server_end_point(der).application_data == b"tls-server-end-point:" + hashlib.sha512(der).digest()


@pytest.mark.parametrize(
    "der", [certificate(ed25519.Ed25519PrivateKey.generate(), None), b"what this parser does not take"]
)
def test_without_a_usable_hash_it_is_sha_256(der: bytes) -> None:
    assert tls_server_end_point(der).application_data == b"tls-server-end-point:" + hashlib.sha256(der).digest()
