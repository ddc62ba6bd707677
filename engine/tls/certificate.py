"""Describes a server's certificate for a person to compare; nothing here makes it trusted."""

import hashlib
import itertools
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from engine.display import one_line

UNREADABLE = (
    *(ValueError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
"""Exceptions that the parser raises for a malformed certificate; not all of them are ValueErrors."""

LONGEST_TEXT, MOST_NAMES = 300, 100
"""Limits on what is taken from a certificate: characters of one text, and number of alternative names."""


MOST_SENT = 10
"""Limit on the certificates of a chain that are looked at."""

_DER = 0x02
"""How the certificates of Python are asked for their bytes (_ssl.ENCODING_DER)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in words; `issuer` and `subject` as RFC 4514 writes them, `fingerprint` the SHA-256.

    `names` are its alternative names, `common_name` is their obsolete predecessor. `authority` is the certificate
    (PEM) of the CA above it that the server sent along, "" if it sent none, and `authority_name` that of its subject.
    """

    fingerprint: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    common_name: str
    begins: datetime
    ends: datetime
    authority: str = field(default="", repr=False)
    authority_name: str = ""

    @property
    def issued_by_itself(self) -> bool:
        """Whether it is self-issued: subject and issuer are the same."""
        return self.issuer == self.subject

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines to compare."""
        issued = "issued by itself" if self.issued_by_itself else f"issued by {self.issuer}"
        return (
            f"certificate of {self.subject}, {issued}",
            f"for the names {', '.join(self.names) or '(none)'}",
            f"valid from {self.begins:%Y-%m-%d} until {self.ends:%Y-%m-%d}",
            f"SHA-256 {self.fingerprint}",
        )


def described(der: bytes) -> Certificate | None:
    """Return the description of a certificate (DER), None if it cannot be read. Its texts are untrusted."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return Certificate(
            fingerprint=fingerprint_of(der),
            subject=one_line(certificate.subject.rfc4514_string(), LONGEST_TEXT),
            issuer=one_line(certificate.issuer.rfc4514_string(), LONGEST_TEXT),
            names=_names(certificate),
            common_name=one_line(str(common_names[0].value), LONGEST_TEXT) if common_names else "",
            begins=certificate.not_valid_before_utc,
            ends=certificate.not_valid_after_utc,
        )
    except UNREADABLE:
        return None


def presented(connection: ssl.SSLObject | ssl.SSLSocket) -> Certificate | None:
    """Return the certificate that the peer of a connection presents, None if it presents none that can be read."""
    der = connection.getpeercert(binary_form=True)
    certificate = described(der) if der else None
    if certificate is None:
        return None
    try:
        top = _authority([x509.load_der_x509_certificate(each) for each in sent_chain(connection)])
    except UNREADABLE:
        top = None
    if top is None:
        return certificate
    name = one_line(top.subject.rfc4514_string(), LONGEST_TEXT)
    return replace(certificate, authority=top.public_bytes(Encoding.PEM).decode("ascii"), authority_name=name)


def _authority(chain: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """Return the last certificate of a chain that proves the one before it, and so the first; None without any."""
    top: x509.Certificate | None = None
    for below, above in itertools.pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            break
        top = above
    return top


def end_of(connection: ssl.SSLObject | ssl.SSLSocket | None) -> datetime | None:
    """Return when the certificate that the peer of a connection presented ends; None without TLS, and for a certificate
    that cannot be read."""
    der = connection.getpeercert(binary_form=True) if connection is not None else None
    try:
        return x509.load_der_x509_certificate(der).not_valid_after_utc if der else None
    except UNREADABLE:
        return None


def fingerprint_of(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate (DER) as people compare it: pairs of hexadecimal digits between colons."""
    return hashlib.sha256(certificate).digest().hex(":").upper()


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(one_line(str(name.value), LONGEST_TEXT) for name in islice(extension.value, MOST_NAMES))


def sent_chain(connection: ssl.SSLObject | ssl.SSLSocket) -> tuple[bytes, ...]:
    """Return the certificates (DER) that the peer of a connection sent, its own first.

    Python has had this since 3.10, but made it public in 3.13 alone.
    """
    public = getattr(connection, "get_unverified_chain", None)
    if public is not None:
        return tuple(islice(public() or (), MOST_SENT))
    inner: Any = connection._sslobj  # type: ignore[union-attr]  # noqa: SLF001 - see above
    return tuple(each.public_bytes(_DER) for each in islice(inner.get_unverified_chain() or (), MOST_SENT))
