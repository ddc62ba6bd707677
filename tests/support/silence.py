"""A machine that has vanished: its end of a connection receives and answers nothing."""

import asyncio
import ctypes
import fcntl
import socket
import sys
import termios
from asyncio.trsock import TransportSocket

import pytest

from tests.support.eventually import eventually

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
"""asm-generic/socket.h; Python has no name for them."""
TAKE_NOTHING = bytes((0x06, 0, 0, 0, 0, 0, 0, 0))
"""One instruction of a classic BPF program: return 0 bytes of every packet (socket(7))."""

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="socket filters are Linux's")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


async def fall_silent(transport: asyncio.BaseTransport | None) -> None:
    """Drop every packet that arrives at this end of a connection, including acknowledgements and keep-alive probes.

    What was sent has arrived by then: this end would send it again and again, which is a sign of life.
    """
    assert transport is not None
    await hear_nothing(transport.get_extra_info("socket"))


async def hear_nothing(end: socket.socket) -> None:
    """Do the same to a socket."""
    await eventually(lambda: not unacknowledged(end.fileno()))
    cut_off(end)


def cut_off(end: socket.socket | TransportSocket) -> None:
    """Do it at once, whatever is on its way."""
    end.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(_Program(1, TAKE_NOTHING)))


def hear_again(end: socket.socket | TransportSocket) -> None:
    """Let everything that arrives at a socket through again."""
    end.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def unacknowledged(descriptor: int) -> int:
    """Return the number of bytes sent and not acknowledged yet (SIOCOUTQ of tcp(7))."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
