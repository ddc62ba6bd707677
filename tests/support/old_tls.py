"""A server that supports only TLS before 1.2."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

PROTOCOL_VERSION_ALERT = bytes((21, 3, 1, 0, 2, 2, 70))
"""Record of type alert, TLS 1.0, two bytes: fatal, protocol_version (RFC 5246, section 7.2)."""


@contextlib.asynccontextmanager
async def old_tls(*, resets: bool = False) -> AsyncIterator[int]:
    """Context manager that returns the port; with `resets` it closes connections without an alert, as Windows does."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if resets:
            plain = writer.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            writer.write(PROTOCOL_VERSION_ALERT)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
