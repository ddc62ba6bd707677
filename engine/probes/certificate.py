"""What a server's certificate says about itself, for a person to compare: looked at, never trusted because of it."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from engine.pbx.tls import fingerprint_of


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in words; `issuer` and `subject` as RFC 4514 writes them, `fingerprint` the SHA-256."""

    fingerprint: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime

    @property
    def lines(self) -> tuple[str, ...]:
        """What there is to compare."""
        issued = "issued by itself" if self.issuer == self.subject else f"issued by {self.issuer}"
        return (
            f"certificate of {self.subject}, {issued}",
            f"for the names {', '.join(self.names) or '(none)'}",
            f"valid from {self.begins:%Y-%m-%d} until {self.ends:%Y-%m-%d}",
            f"SHA-256 {self.fingerprint}",
        )


def described(der: bytes) -> Certificate | None:
    """Return what a certificate (DER) says, None where it cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return Certificate(
            fingerprint=fingerprint_of(der),
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            names=_names(certificate),
            begins=certificate.not_valid_before_utc,
            ends=certificate.not_valid_after_utc,
        )
    except ValueError:
        return None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in extension.value)
