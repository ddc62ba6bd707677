"""TLS towards the PBX: what is trusted, and what is wrong with a certificate that is not."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from engine.core.settings.model import PbxSettings
from engine.pbx.failures import PbxCertificateNotTrusted
from engine.tls import contexts
from engine.tls.certificate import Certificate
from engine.tls.verdict import Server, verdict


def verified_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the context for the PBX. Raises `PbxCertificateNotTrusted` when `ca_file` cannot be used."""
    try:
        return contexts.verified_context(ca_file)
    except OSError as error:
        raise PbxCertificateNotTrusted(f"pbx.ca_file {ca_file}: {error.strerror or error}") from error


def not_trusted(
    settings: PbxSettings, error: ssl.SSLCertVerificationError, shown: Certificate | None
) -> PbxCertificateNotTrusted:
    """Return the failure in the words for what is wrong with the certificate that was `shown`.

    Certificates are judged by the machine's own time: no injected clock can be meant here.
    """
    server = Server("the PBX", settings.host, f"{settings.host}:{settings.port}", "pbx.ca_file", "pbx.host")
    found = verdict(server, error.verify_code, error.verify_message, shown, datetime.now(UTC))
    remedy = found.remedy
    if shown is not None:
        remedy += (
            " Or compare its SHA-256 with the one that the PBX itself shows for its certificate, and set "
            f'pbx.fingerprint = "{shown.fingerprint}".'
        )
    return PbxCertificateNotTrusted(found.detail).in_words(found.meaning, remedy)
