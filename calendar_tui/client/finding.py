"""Finds the socket of a running engine, as the commands of calendar-engine do."""

from collections.abc import Iterable
from pathlib import Path

from calendar_tui.client.failures import EngineUnreachable, SocketForbidden
from engine.api.schema.places import answering_socket, read_only_twin


def reachable_socket(paths: Iterable[Path], *, read_only: bool) -> Path:
    """Return the first of `paths` that somebody listens on, or its twin for reading.

    The twin comes first if `read_only`. Raises `SocketForbidden` if one is there that this account may not use, else
    `EngineUnreachable`.
    """
    pairs = ((path, read_only_twin(path)) for path in paths)
    sockets = (each for pair in pairs for each in (reversed(pair) if read_only else pair))
    return answering_socket(sockets, forbidden=SocketForbidden, unreachable=EngineUnreachable)
