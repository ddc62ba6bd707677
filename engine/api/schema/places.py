"""Where the sockets of the local API are: for the engine that makes them, and for whoever looks for them."""

import os
import socket
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import platformdirs

SOCKET = "engine.sock"
READ_ONLY_SUFFIX = "-ro"
SERVICE_SOCKET = Path("/run/calendar-engine") / SOCKET
"""Where the system service has it."""


def socket_path(setting: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the engine makes it: as set, else as systemd says, else the platform's place for it."""
    if setting is not None:
        return setting
    given = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / SOCKET
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set; the engine checks the directory itself
        return platformdirs.user_runtime_path("calendar-engine", appauthor=False) / SOCKET


def usual_sockets() -> tuple[Path, ...]:
    """Return where a command looks for it: an engine of this account first, then the system service."""
    return tuple(dict.fromkeys((socket_path(None), SERVICE_SOCKET)))


def read_only_twin(path: Path) -> Path:
    """Return where the socket for reading is, next to the one at `path`."""
    return path.with_name(f"{path.stem}{READ_ONLY_SUFFIX}{path.suffix}")


def answering_socket(
    sockets: Iterable[Path],
    *,
    forbidden: Callable[[str], Exception],
    unreachable: Callable[[str], Exception],
) -> Path:
    """Return the first of `sockets` that somebody listens on.

    Raises what `forbidden` makes of those that are there but not for this account to use, else what `unreachable`
    makes of all of them.
    """
    silent: list[str] = []
    closed: list[str] = []
    for each in sockets:
        with socket.socket(socket.AF_UNIX) as knocking:
            try:
                knocking.connect(str(each))
            except PermissionError:
                closed.append(str(each))
            except OSError:
                silent.append(str(each))
            else:
                return each
    if closed:
        raise forbidden(", ".join(closed))
    raise unreachable(f"nobody listens on {', '.join(silent)}")
