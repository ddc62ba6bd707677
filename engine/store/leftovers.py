"""Removes files that a killed process left behind in a directory of the engine."""

import fcntl
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

IN_STATE = (
    r"\.(secrets\.(key|enc(\.joined(-\d+)?)?)|engine\.db(\.schema-\d+)?|(setup|presence-test)\.json"
    r"|(restore|leave)\.pending|shared\.toml"
    r"|pbx-(listen\.pem|addresses)|(pbx|exchange)-authority\.pem)\.[0-9a-f]{8}",
    r"\.setup\.json\.new",
    r"pbx-(listen|addresses)\.new",
    r"debuglog\.sqlite\.damaged(-wal|-shm)?",
)
"""Temporary files of atomic replacements, and debug logs moved aside at an earlier start.

Nothing else uses the state directory while the database is open."""


def temporary_names(name: str) -> tuple[str, ...]:
    """Return the pattern of the temporary files written before a file of that name is replaced."""
    return (rf"\.{re.escape(name)}\.[0-9a-f]{{8}}",)


def sweep(directory: Path, patterns: Sequence[str]) -> tuple[str, ...]:
    """Remove this account's unlocked regular files that match; return the names removed."""
    gone: list[str] = []
    with suppress(OSError):
        for entry in sorted(os.listdir(directory)):
            if any(re.fullmatch(pattern, entry) for pattern in patterns) and _removed(directory / entry):
                gone.append(entry)
    return tuple(gone)


def _removed(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
