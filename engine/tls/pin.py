"""Trust in exactly one certificate, by its fingerprint."""

import hmac
import ssl
from dataclasses import dataclass, field

from engine.tls.certificate import fingerprint_of
from engine.tls.contexts import unverified_context


@dataclass(frozen=True, slots=True)
class Pin:
    """The certificate with this SHA-256, in hexadecimal digits with or without colons.

    A connection made with `context` is trusted only once it `fits`; nothing may be sent over it before.
    """

    fingerprint: str
    context: ssl.SSLContext = field(default_factory=unverified_context, compare=False, repr=False)

    def fits(self, connection: ssl.SSLObject | ssl.SSLSocket) -> bool:
        """Return whether the peer of a connection has presented this certificate."""
        certificate = connection.getpeercert(binary_form=True)
        return certificate is not None and same(self.fingerprint, fingerprint_of(certificate))


def pin_of(fingerprint: str | None) -> Pin | None:
    """Return the pin of a setting, None without one."""
    return Pin(fingerprint) if fingerprint else None


def same(one: str, other: str) -> bool:
    """Return whether two fingerprints are the same, with or without colons."""
    return hmac.compare_digest(_digits(one), _digits(other))


def _digits(fingerprint: str) -> bytes:
    return fingerprint.replace(":", "").casefold().encode()
