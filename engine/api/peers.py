"""Who changes something: whoever is at the other end of a socket, by the word of the kernel, or the engine itself."""

import asyncio
import os
import pwd
import socket

from aiohttp import web

from engine.api.acceptor import UCRED
from engine.api.schema import Actor


async def actor_of(request: web.Request) -> Actor:
    """Return the process that connected (SO_PEERCRED, unix(7)).

    The name of its user is looked up on a thread, since that may ask a directory service.
    """
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is None:
        raise web.HTTPBadRequest  # it has gone
    pid, uid, _ = UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
    return Actor(uid=uid, pid=pid, user=await asyncio.to_thread(_user_name, uid))


def ourselves() -> Actor:
    """Return this process, for what the engine changes by itself."""
    return Actor(uid=os.getuid(), pid=os.getpid(), user="calendar-engine")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
