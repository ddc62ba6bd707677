"""TLS towards Exchange: what is trusted, how long the handshake takes, and what is wrong with a certificate."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from engine.exchange.failures import CertificateNotTrusted
from engine.tls import contexts
from engine.tls.certificate import Certificate
from engine.tls.verdict import Server, verdict


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
    """Return the context for Exchange and its log-in service. Raises `CertificateNotTrusted` when `ca_file` cannot be
    used."""
    try:
        context = contexts.verified_context(ca_file)
    except OSError as error:
        raise CertificateNotTrusted(f"exchange.ca_file {ca_file}: {error.strerror or error}") from error
    context.sslobject_class = TimedTls
    return context


def not_trusted(
    what: str,
    host: str,
    place: str,
    error: ssl.SSLCertVerificationError,
    shown: Certificate | None,
    host_settings: str = "exchange.ews_url or exchange.autodiscover_url",
) -> CertificateNotTrusted:
    """Return the failure in the words for what is wrong with the certificate that was `shown`.

    `what` is whose it is, `host_settings` where its name is from. Certificates are judged by the machine's own time: no
    injected clock can be meant here.
    """
    server = Server(what, host, place, "exchange.ca_file", host_settings)
    found = verdict(server, error.verify_code, error.verify_message, shown, datetime.now(UTC))
    return CertificateNotTrusted(found.detail).in_words(found.meaning, found.remedy)
