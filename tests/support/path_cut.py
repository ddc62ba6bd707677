"""A cut path from an app to a simulated PBX: the kernel discards what comes, and nobody is told.

A proxy in between would acknowledge what it has not delivered, as no network does.
"""

import contextlib
import ctypes
import socket
import struct
from asyncio import trsock

_ATTACH_FILTER, _DETACH_FILTER = 26, 27
_DISCARD_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET: keep nothing of a packet


def cut_path(connection: trsock.TransportSocket) -> None:
    """Discard all that comes over this connection before TCP sees it."""
    code = ctypes.create_string_buffer(_DISCARD_ALL)
    program = struct.pack("HL", 1, ctypes.addressof(code))
    with contextlib.suppress(OSError):  # it has ended
        connection.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


def mend_path(connection: trsock.TransportSocket) -> None:
    """Let everything through again; what was lost is sent again, if the other side has not given up."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
