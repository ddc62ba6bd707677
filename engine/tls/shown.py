"""Fetches the certificate of a server that is not trusted, to show it; nothing is sent over this connection."""

import asyncio
import contextlib
import ipaddress
import socket
from typing import Any, Protocol

from engine.tls.certificate import Certificate, described
from engine.tls.contexts import unverified_context

SECONDS = 5.0


class Resolver(Protocol):
    """Looks host names up in place of the system (aiohttp.abc.AbstractResolver)."""

    async def resolve(self, host: str, port: int = 0) -> Any:
        """Return addresses with "host" and "port"."""
        ...


async def shown_certificate(host: str, port: int, resolver: Resolver | None = None) -> Certificate | None:
    """Return the certificate that a server presents for `host`, None if it presents none."""
    place = (host, port)
    if resolver is not None:
        try:
            found = await resolver.resolve(host, port)
        except OSError:
            return None
        place = (found[0]["host"], found[0]["port"])
    return await asyncio.to_thread(certificate_at, place, host)


def certificate_at(place: tuple[str, int], name: str) -> Certificate | None:
    """Return the certificate that the server at `place` presents for `name`. Blocks, for seconds at most."""
    with contextlib.suppress(OSError, ValueError):
        with (
            socket.create_connection(place, timeout=SECONDS) as plain,
            unverified_context().wrap_socket(plain, server_hostname=_sni(name)) as secure,
        ):
            der = secure.getpeercert(binary_form=True)
        return described(der) if der else None
    return None


def _sni(name: str) -> str | None:
    """Return the server name to send, None for an IP address, which is not one (RFC 6066, section 3)."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name
    return None
