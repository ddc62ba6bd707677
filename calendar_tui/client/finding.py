"""Finds the socket of a running engine, as the commands of calendar-engine do."""

import socket
from collections.abc import Iterable
from pathlib import Path

from calendar_tui.client.failures import EngineUnreachable, SocketForbidden
from engine.api.schema.places import read_only_twin


def reachable_socket(paths: Iterable[Path], *, read_only: bool) -> Path:
    """Return the first of `paths` that somebody listens on, or its twin for reading.

    The twin comes first if `read_only`. Raises `SocketForbidden` if one is there that this account may not use, else
    `EngineUnreachable`.
    """
    silent: list[str] = []
    forbidden: list[str] = []
    for path in paths:
        twin = read_only_twin(path)
        for each in (twin, path) if read_only else (path, twin):
            with socket.socket(socket.AF_UNIX) as knocking:
                try:
                    knocking.connect(str(each))
                except PermissionError:
                    forbidden.append(str(each))
                except OSError:
                    silent.append(str(each))
                else:
                    return each
    if forbidden:
        raise SocketForbidden(", ".join(forbidden))
    raise EngineUnreachable(f"nobody listens on {', '.join(silent)}")
