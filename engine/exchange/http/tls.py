"""The one TLS context: every connection verifies the server's certificate and name; there is no switch for it."""

import ssl
from pathlib import Path

from engine.exchange.failures import CertificateNotTrusted


def verified_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the CAs in `ca_file` (PEM), or the system's; TLS 1.2 at least.

    Loading CAs is slow: make it once and share it. Raises `CertificateNotTrusted` when `ca_file` cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise CertificateNotTrusted(f"exchange.ca_file {ca_file}: {error.strerror or error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
