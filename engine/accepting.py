"""Accepting connections on a listening port or socket without losing any when cancelled."""

import asyncio
import socket
from typing import Any


async def next_connection(listener: socket.socket) -> tuple[socket.socket, Any]:
    """Return the next connection to a non-blocking `listener`, and the address it comes from. Raises OSError.

    `loop.sock_accept` loses an accepted connection when it is cancelled: it stays open, and the peer waits for an
    answer that never comes. Here nothing is awaited between accepting and returning.
    """
    while True:
        await _readable(listener)
        try:
            connection, address = listener.accept()
        except BlockingIOError:
            continue
        connection.setblocking(False)
        return connection, address


async def _readable(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(listener, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(listener)
