"""Checks that only this account and root may write to a directory or any directory above it."""

import os
import stat
from pathlib import Path

_MOST_LINKS = 40
"""Maximum symbolic links the system follows in one path (path_resolution(7))."""


def exposure(directory: Path) -> str:
    """Return why others could write to a directory or replace it; "" if nobody can.

    A missing directory cannot be exposed, but those above it can. Raises `OSError`.
    """
    found, real = _way(Path(os.path.abspath(directory)), _MOST_LINKS, ours_up_to=0)
    if found or not real.exists():
        return found
    status = real.stat()
    if status.st_uid != os.geteuid():
        return _owned(real, status)
    return _with_mode(real, status) if status.st_mode & 0o022 else ""


def exposure_of_file(file: Path) -> str:
    """Return why others could write or replace a file; "" if nobody can.

    File and directory may belong to root and be writable by their group: that is how administrators share them.
    Raises `OSError`.
    """
    found, real = _way(Path(os.path.abspath(file)), _MOST_LINKS, ours_up_to=1)
    if found:
        return found
    for each in (real.parent, real):
        if each.exists():
            status = each.stat()
            if status.st_uid not in (os.geteuid(), 0):
                return _owned(each, status)
            if status.st_mode & stat.S_IWOTH and not (each.is_dir() and status.st_mode & stat.S_ISVTX):
                return _with_mode(each, status)
    return ""


def _way(path: Path, links: int, *, ours_up_to: int) -> tuple[str, Path]:
    """Follow a path from the root, including symbolic links; return what is wrong on the way, and where it ends.

    The last `ours_up_to` directories above the end are left to the caller to check.
    """
    real = Path(path.anchor)
    parts = path.parts[1:]
    for index, part in enumerate(parts):
        found = _on_the_way(real) if index + ours_up_to < len(parts) else ""
        if found:
            return found, real
        step = real / part
        try:
            status = step.lstat()
        except FileNotFoundError:
            return "", path
        if stat.S_ISLNK(status.st_mode):
            if status.st_uid not in (os.geteuid(), 0):
                return _owned(step, status), step
            if not links:
                return f"{step} is a symbolic link loop", step
            target = Path(os.path.normpath(real / os.readlink(step)))
            return _way(target.joinpath(*parts[index + 1 :]), links - 1, ours_up_to=ours_up_to)
        real = step
    return "", real


def _on_the_way(directory: Path) -> str:
    """Return why others could replace entries of a directory on the way."""
    status = directory.stat()
    if status.st_uid not in (os.geteuid(), 0):
        return _owned(directory, status)
    by_group = status.st_mode & stat.S_IWGRP and status.st_gid not in (0, os.getegid())
    if (status.st_mode & stat.S_IWOTH or by_group) and not status.st_mode & stat.S_ISVTX:
        return _with_mode(directory, status)
    return ""


def _owned(path: Path, status: os.stat_result) -> str:
    return f"{path} belongs to user {status.st_uid}, and calendar-engine runs as user {os.geteuid()}"


def _with_mode(path: Path, status: os.stat_result) -> str:
    return f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, so that others may write in it"
