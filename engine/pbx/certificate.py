"""The certificate presented to a PBX that connects: the administrator's, or one that the engine makes and renews."""

import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from engine.pbx.errors import ListenCertificateUnusable
from engine.settings.model import PbxSettings
from engine.tls.certificate import UNREADABLE, fingerprint_of
from engine.tls.self_signed import self_signed

RENEWED_BEFORE_END = timedelta(days=31)
"""A day before the first warning that a certificate expires."""


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """A certificate that is presented now: its SHA-256 and its end."""

    fingerprint: str
    ends: datetime


class ListenCertificate(Protocol):
    """A certificate to present to a PBX that connects. Reads and writes files: not for the event loop's thread."""

    def load(self, context: ssl.SSLContext, now: datetime) -> PresentedCertificate:
        """Load the current certificate into `context` and return it.

        Existing connections keep the former one. Raises `ListenCertificateUnusable`; `context` then stays as it is.
        """
        ...


def listen_names(settings: PbxSettings) -> tuple[str, ...]:
    """Return the names and addresses under which the PBX reaches this machine, as far as the settings say."""
    if settings.listen_names:
        return settings.listen_names
    address = ipaddress.ip_address(settings.listen_address.strip("[]"))
    return (socket.gethostname(),) if address.is_unspecified else (str(address),)


class GivenCertificate:
    """The administrator's own certificate. `key` None: the key is in the same file."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._certificate = certificate
        self._key = key or certificate

    def load(self, context: ssl.SSLContext, now: datetime) -> PresentedCertificate:
        """See `ListenCertificate`."""
        shown = _read(self._certificate)
        try:
            context.load_cert_chain(self._certificate, self._key, password=lambda: b"")
        except OSError as error:
            raise ListenCertificateUnusable(f"{self._certificate}, {self._key}: {error.strerror or error}") from error
        return _presented(shown)


class OwnCertificate:
    """A self-signed certificate for `names`, renewed a month before it expires and when the names change."""

    def __init__(self, directory: Path, names: Sequence[str]) -> None:
        self._file = directory / "pbx-listen.pem"
        self._names = tuple(names)

    def load(self, context: ssl.SSLContext, now: datetime) -> PresentedCertificate:
        """See `ListenCertificate`."""
        try:
            if not self._is_good(now):
                self._make(now)
            context.load_cert_chain(self._file)
        except (OSError, ValueError) as error:  # ValueError: a name that no certificate can hold
            raise ListenCertificateUnusable(f"{self._file}: {error}") from error
        return _presented(_read(self._file))

    def _is_good(self, now: datetime) -> bool:
        try:
            certificate = _read(self._file)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ListenCertificateUnusable, x509.ExtensionNotFound, *UNREADABLE):
            return False
        renewed_at = certificate.not_valid_after_utc - RENEWED_BEFORE_END
        return list(names) == _alternative_names(self._names) and now < renewed_at

    def _make(self, now: datetime) -> None:
        # RSA, because phones and PBXs of any age support it.
        key, certificate = self_signed(self._names[0], now, key_size=2048, names=_alternative_names(self._names))
        _write(self._file, key + certificate)


def _alternative_names(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative_name(name) for name in names]


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _presented(certificate: x509.Certificate) -> PresentedCertificate:
    fingerprint = fingerprint_of(certificate.public_bytes(Encoding.DER))
    return PresentedCertificate(fingerprint, certificate.not_valid_after_utc)


def _read(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())[0]
    except OSError as error:
        raise ListenCertificateUnusable(f"{file}: {error.strerror}") from error
    except UNREADABLE as error:
        raise ListenCertificateUnusable(f"{file}: it holds no certificate") from error


def _write(file: Path, content: bytes) -> None:
    """Write the file atomically, readable by this account only, because it holds a key."""
    temporary = file.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    temporary.replace(file)
