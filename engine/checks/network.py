"""Network steps shared by the checks: DNS, TCP and TLS."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from engine.checks.errors import NameNotFound
from engine.core.resolver import Resolver
from engine.tls.certificate import Certificate, presented
from engine.tls.contexts import unverified_context

NAME_SECONDS, PORT_SECONDS, TLS_SECONDS = 3.0, 5.0, 5.0
"""Limits on looking a name up, and on each connection without and with TLS."""


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and port that a host name resolves to."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


Lookup = Callable[[str, int], Awaitable[tuple[Address, ...]]]
"""Resolves a host and port to addresses; raises `NameNotFound`."""


def in_words(host: str, addresses: Sequence[Address]) -> str:
    """Return what a host resolves to, as a sentence."""
    ips = [each.ip for each in addresses]
    return f"{host} is an IP address" if host in ips else f"{host} is {', '.join(ips)}"


async def look_up(host: str, port: int) -> tuple[Address, ...]:
    """Resolve a host with the resolver of this machine."""
    async with _looked_up(host):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(Address(str(place[4][0]), port) for place in found))


def looking_up_by(resolver: Resolver) -> Lookup:
    """Return a lookup through `resolver`, as the HTTP client does it."""

    async def ask(host: str, port: int) -> tuple[Address, ...]:
        async with _looked_up(host):
            found = await resolver.resolve(host, port)
        return tuple(Address(place["host"], place["port"]) for place in found)

    return ask


@contextlib.asynccontextmanager
async def _looked_up(host: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(NAME_SECONDS):
            yield
    except TimeoutError as error:
        raise NameNotFound(f"{host}: the DNS does not answer within {NAME_SECONDS:.0f} s") from error
    except OSError as error:
        raise NameNotFound(f"{host}: {error.strerror or error}") from error
    except UnicodeError as error:  # of a label that is too long or empty
        raise NameNotFound(f"{host}: it is not a name") from error


async def first_that_answers(addresses: Sequence[Address]) -> Address:
    """Return the first address that accepts a connection. Raises the OSError of the last one."""
    refusal: OSError = OSError("there is no address to connect to")
    for address in addresses:
        try:
            async with _connected(address, None, None):
                return address
        except OSError as error:
            refusal = error
    raise refusal


async def shown_certificate(address: Address, name: str) -> Certificate | None:
    """Return the certificate that a server presents for `name`, None if it presents none."""
    try:
        async with _connected(address, unverified_context(), name) as writer:
            return presented(writer.get_extra_info("ssl_object"))
    except OSError:
        return None


async def verify(address: Address, name: str, context: ssl.SSLContext) -> str:
    """Return the TLS version agreed with a server whose certificate `context` trusts for `name`.

    Raises ssl.SSLCertVerificationError if it is not trusted, OSError if the handshake fails.
    """
    async with _connected(address, context, name) as writer:
        return str(writer.get_extra_info("ssl_object").version())


@contextlib.asynccontextmanager
async def _connected(
    address: Address, context: ssl.SSLContext | None, name: str | None
) -> AsyncIterator[asyncio.StreamWriter]:
    seconds = PORT_SECONDS if context is None else TLS_SECONDS
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(
                address.ip, address.port, ssl=context, server_hostname=name if context else None
            )
    except TimeoutError as error:
        raise OSError(f"{address} does not answer within {seconds:.0f} s") from error
    try:
        yield writer
    finally:
        writer.transport.abort()
