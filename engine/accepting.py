"""Accepts connections so that none is lost: for every port and socket that somebody connects to."""

import asyncio
import socket
from typing import Any


async def next_connection(listener: socket.socket) -> tuple[socket.socket, Any]:
    """Return the next connection to a `listener` that does not block, and the address it comes from. Raises OSError.

    `loop.sock_accept` loses what it has accepted when it is cancelled: that stays open, and whoever is at the other end
    waits for an answer although nobody is there. Here nothing is awaited between accepting and returning.
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
    somebody = asyncio.Event()
    loop.add_reader(listener, somebody.set)
    try:
        await somebody.wait()
    finally:
        loop.remove_reader(listener)
