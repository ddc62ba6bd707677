"""Reserves the ports of simulators while they refuse connections, so that no other program gets them."""

import socket

LOOPBACK = "127.0.0.1"


def reserve(port: int) -> socket.socket:
    """Return a socket that reserves the port (0: any free one), and refuses connections until it listens.

    Another one that was made here may still be listening at the port: so it is never free in between (socket(7)).
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((LOOPBACK, port))
    return reserved


def port_of(reserved: socket.socket) -> int:
    """Return the port of a socket."""
    port: int = reserved.getsockname()[1]
    return port
