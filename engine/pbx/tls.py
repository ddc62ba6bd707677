"""Whom we trust when we connect to the PBX, and what to show when we do not."""

import asyncio
import hashlib
import ssl
from pathlib import Path

from engine.pbx.failures import PbxCertificateNotTrusted


def verified_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the CAs in `ca_file` (PEM), or the system's; TLS 1.2 at least.

    Raises `PbxCertificateNotTrusted` when `ca_file` cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise PbxCertificateNotTrusted(f"pbx.ca_file {ca_file}: {error.strerror or error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def unverified_context() -> ssl.SSLContext:
    """Return a context that looks at any certificate; nothing may be sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Harmless, since only the certificate that is presented is looked at, for a person to compare: the connection ends
    # right after the handshake. Verified, it would never show the certificate that is the matter.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def presented_fingerprint(host: str, port: int) -> str | None:
    """Return the fingerprint of the certificate that a server shows, None when it shows none.

    For a person to compare, after a handshake that was refused: nothing is sent over this connection.
    """
    try:
        _, writer = await asyncio.open_connection(
            host, port, ssl=unverified_context(), server_hostname="", ssl_handshake_timeout=5
        )
    except OSError:
        return None
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return fingerprint_of(certificate) if certificate else None
    finally:
        writer.transport.abort()


def fingerprint_of(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate (DER) as people compare it: pairs of hexadecimal digits between colons."""
    return hashlib.sha256(certificate).digest().hex(":").upper()
