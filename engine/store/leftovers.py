"""Removes what a process that was killed left behind in a directory of ours, and nothing else."""

import fcntl
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

IN_STATE = (
    r"\.secrets\.(key|enc)\.[0-9a-f]{8}",
    r"\.setup\.json\.new",
    r"pbx-(listen|addresses)\.new",
    r"debuglog\.sqlite\.damaged(-wal|-shm)?",
)
"""What is written beside a file before it takes its place, and the debug log that was put aside at an earlier start.

In the state directory nobody else works while the database is open."""


def temporary_names(name: str) -> tuple[str, ...]:
    """Return the pattern of what is written beside a file of that name before it takes its place."""
    return (rf"\.{re.escape(name)}\.[0-9a-f]{{8}}",)


def sweep(directory: Path, patterns: Sequence[str]) -> tuple[str, ...]:
    """Remove regular files of this account with such a name that nobody has locked; return what is gone."""
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
