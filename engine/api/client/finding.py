"""Finds the socket of a running engine."""

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from engine.api.client.failures import EngineUnreachable, SocketForbidden
from engine.api.schema.places import read_only_twin

Use = Literal["change", "ask", "read"]
"""What a socket is for: to change something; to ask, where either socket will do; for reading alone if it can be."""


def reachable_socket(paths: Iterable[Path], use: Use) -> Path:
    """Return the first of `paths`, or of their twins for reading, that somebody listens on.

    Only the first of each pair is looked at to change something, and the twin first for reading. Raises
    `SocketForbidden` if one is there that this account may not use, else `EngineUnreachable`.
    """
    silent: list[str] = []
    closed: list[str] = []
    for each in (each for path in paths for each in _in_order(path, use)):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.setblocking(False)  # a full backlog must not hold us up
            try:
                knocking.connect(str(each))
            except PermissionError:
                closed.append(str(each))
            except BlockingIOError:  # somebody does, who has more to do than the backlog holds
                return each
            except OSError:
                silent.append(str(each))
            else:
                return each
    if closed:
        raise SocketForbidden(", ".join(closed))
    raise EngineUnreachable(f"nobody listens on {', '.join(silent)}")


def _in_order(path: Path, use: Use) -> tuple[Path, ...]:
    twin = read_only_twin(path)
    return {"change": (path,), "ask": (path, twin), "read": (twin, path)}[use]
