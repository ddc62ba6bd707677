"""The certificates that the engine makes for its application in Microsoft Entra; their keys never leave the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from engine.core.expiry import THRESHOLDS
from engine.core.secret import Secret
from engine.tls.self_signed import self_signed

OWN_CERTIFICATE = "exchange.own_certificate"
NEXT_CERTIFICATE = "exchange.next_certificate"
"""Names in the secret store; the value is the key and the certificate, both PEM."""

COMMON_NAME = "calendar-engine"
KEY_SIZE = 3072
"""Bits that NIST SP 800-57 holds sufficient beyond 2030."""

_NONE = Secret("")


@dataclass(frozen=True, slots=True)
class OwnCertificates:
    """The certificate in force, and the next one, which is tried until the log-in service accepts it; both with their
    keys, and empty if there is none."""

    current: Secret = field(default=_NONE, repr=False)
    next: Secret = field(default=_NONE, repr=False)

    def lacks(self, now: datetime, *, renew: bool) -> bool:
        """Return whether one has to be made: the first one, or with `renew` the next one.

        A next one that nobody uploaded until shortly before its end is none.
        """
        if self.next and certificate_in(self.next).not_valid_after_utc - now > THRESHOLDS[0]:
            return False
        return renew or not self.current


def own_certificates(found: Mapping[str, Secret]) -> OwnCertificates:
    """Return the certificates among these secrets; a next one is in force if there is nothing that it could replace."""
    current, following = found.get(OWN_CERTIFICATE, _NONE), found.get(NEXT_CERTIFICATE, _NONE)
    if following and not current and not found.get("exchange.client_secret"):
        return OwnCertificates(following)
    return OwnCertificates(current, following)


def make_certificate(now: datetime) -> Secret:
    """Return a new key with its certificate. Takes up to seconds."""
    key, certificate = self_signed(COMMON_NAME, now, key_size=KEY_SIZE)
    return Secret((key + certificate).decode("ascii"))


def certificate_in(secret: Secret) -> x509.Certificate:
    """Return the certificate, which is public, of one of these secrets."""
    return x509.load_pem_x509_certificate(secret.reveal().encode("ascii"))


def public_part(secret: Secret) -> str:
    """Return the certificate of one of these secrets as PEM, without its key."""
    return certificate_in(secret).public_bytes(Encoding.PEM).decode("ascii")
