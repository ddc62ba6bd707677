"""The TLS contexts: every connection verifies the server's certificate and its names; there is no switch for it."""

import ssl
from pathlib import Path


def verified_context(ca_file: Path | None, *, with_system: bool = False) -> ssl.SSLContext:
    """Return a context that trusts the CAs in `ca_file` (PEM), or the system's, or both `with_system`; from TLS 1.2 on.

    A host is looked for among the alternative names of a certificate alone: its common name has not counted since 2011
    (RFC 6125, section 6.4.4), and not at all since RFC 9525. A CA that is trusted need not be a root, as from Python
    3.13 on. Loading CAs is slow: make it once and share it. Raises
    OSError when `ca_file` cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if with_system:
        context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    return context


def unverified_context() -> ssl.SSLContext:
    """Return a context that accepts any certificate, to look at it; nothing may be sent over such a connection before
    its certificate was compared."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Harmless, because after the handshake the certificate is read and compared, by a person or with the one that a
    # person has told; a verifying context would never return the certificate that causes the problem.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def speaks_tls(failed: ssl.SSLError) -> bool:
    """Return whether the peer of a failed handshake speaks TLS at all, even if no version or cipher suite fits."""
    return failed.reason not in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING", None)
