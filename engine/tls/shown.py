"""Fetches the certificate of a server that is not trusted, to show it; nothing is sent over this connection."""

import asyncio
import contextlib
import ipaddress
import socket

from engine.tls.certificate import Certificate, presented
from engine.tls.contexts import unverified_context

SECONDS = 5.0


async def shown_certificate(host: str, port: int) -> Certificate | None:
    """Return the certificate that a server presents for `host`, None if it presents none."""
    return await asyncio.to_thread(_certificate_at, host, port)


def _certificate_at(host: str, port: int) -> Certificate | None:
    with (
        contextlib.suppress(OSError, ValueError),
        socket.create_connection((host, port), timeout=SECONDS) as plain,
        unverified_context().wrap_socket(plain, server_hostname=_sni(host)) as secure,
    ):
        return presented(secure)
    return None


def _sni(name: str) -> str | None:
    """Return the server name to send, None for an IP address, which is not one (RFC 6066, section 3)."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name
    return None
