"""Paths of the sockets of the local API, for the engine and its clients."""

import os
import re
import stat
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import platformdirs

SOCKET = "engine.sock"
READ_ONLY_SUFFIX = "-ro"
SERVICE_SOCKET = Path("/run/calendar-engine") / SOCKET
"""The socket of the system service."""


INSTANCE = re.compile(r"[A-Za-z0-9:_.-]{1,64}")


def instance_socket(name: str) -> Path:
    """Return the socket of the service calendar-engine@`name`. Raises `ValueError` if none can have that name."""
    if not INSTANCE.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an instance")
    return SERVICE_SOCKET.parent.with_name(f"{SERVICE_SOCKET.parent.name}@{name}") / SOCKET


def socket_path(setting: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the engine's socket: as set, else from systemd, else the platform's runtime directory."""
    if setting is not None:
        return setting
    given = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / SOCKET
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XDG_RUNTIME_DIR is not set; the engine checks the directory itself
        try:
            return platformdirs.user_runtime_path("calendar-engine", appauthor=False) / SOCKET
        except PermissionError:  # owned by another account; using it fails with a clear error
            return Path(tempfile.gettempdir(), f"runtime-{os.getuid()}", "calendar-engine", SOCKET)


def usual_sockets() -> tuple[Path, ...]:
    """Return the default sockets of a command: that of this account first, then that of the system service.

    The platform's directory may be in /tmp, where anybody can create it first and would receive our secrets.
    """
    own = socket_path(None)
    return tuple(dict.fromkeys((*((own,) if _is_ours_alone(own.parent) else ()), SERVICE_SOCKET)))


def exposure(directory: Path) -> str:
    """Return why accounts other than ours and root may replace `directory` or one above it; "" if none may.

    Raises `OSError`.
    """
    way = directory.resolve()
    for each in (way, *way.parents):
        status = each.stat()
        if status.st_uid not in (os.geteuid(), 0):
            return f"{each} belongs to user {status.st_uid}"
        if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            return f"{each} has mode {stat.S_IMODE(status.st_mode):04o}"
    return ""


def _is_ours_alone(directory: Path) -> bool:
    try:
        there = next(each for each in (directory, *directory.parents) if each.exists())
        return not exposure(there) and not there.stat().st_mode & stat.S_IWOTH
    except OSError:
        return False


def read_only_twin(path: Path) -> Path:
    """Return the path of the read-only socket beside the one at `path`."""
    return path.with_name(f"{path.stem}{READ_ONLY_SUFFIX}{path.suffix}")
