"""The one TLS context: every connection verifies the server's certificate and name; there is no switch for it."""

import ssl
from pathlib import Path
from time import perf_counter

from engine.exchange.failures import CertificateNotTrusted


class TimedTls(ssl.SSLObject):
    """Knows how long its handshake took: no HTTP library tells that apart from making the connection."""

    _begun: float | None = None
    handshake_seconds = 0.0

    def do_handshake(self) -> None:
        """Go on with the handshake; every call is one step of it."""
        if self._begun is None:
            self._begun = perf_counter()
        super().do_handshake()
        self.handshake_seconds = perf_counter() - self._begun


def verified_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the CAs in `ca_file` (PEM), or the system's; TLS 1.2 at least.

    Loading CAs is slow: make it once and share it. Raises `CertificateNotTrusted` when `ca_file` cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise CertificateNotTrusted(f"exchange.ca_file {ca_file}: {error.strerror or error}") from error
    context.sslobject_class = TimedTls
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
