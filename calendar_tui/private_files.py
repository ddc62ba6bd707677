"""Writing files that only this account may read, such as crash reports."""

import asyncio
import os
import platform
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_state_path

from engine.display import operating_system

PRIVATE = 0o600


async def write_here(name: str, data: bytes) -> str:
    """Write a new file to the working directory and return the outcome as a sentence."""
    path = Path.cwd() / re.sub(r"[^A-Za-z0-9._-]", "_", name)
    try:
        await asyncio.to_thread(write_privately, path, data)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}."
    return f"Written to {path}"


async def write_new(path: Path, data: bytes) -> tuple[Path, str]:
    """Write a new file where a person wants it; return where that is, and what went wrong, "" if nothing did."""
    path = Path.cwd() / path
    try:
        await asyncio.to_thread(write_privately, path, data, is_new=True)
    except FileExistsError:
        return path, f"{path} exists: choose another name."
    except (OSError, ValueError) as error:
        return path, f"{path} cannot be written: {getattr(error, 'strerror', None) or error}."
    return path, ""


def write_privately(path: Path, data: bytes, *, is_new: bool = False) -> None:
    """Write a file, replacing an existing one unless it has to be new. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_EXCL if is_new else os.O_TRUNC)
    with open(os.open(path, flags, PRIVATE), "wb") as file:
        os.fchmod(file.fileno(), PRIVATE)
        file.write(data)


NAME = "crash.txt"
"""Only the report of the last crash is kept."""


def crash_report(error: BaseException) -> str:
    """Write a crash report, and return the message for the terminal."""
    path = user_state_path("calendar-tui", appauthor=False) / NAME
    return (
        f"calendar-tui has crashed because of a bug ({type(error).__name__}); the engine goes on without it.\n"
        f"{_written(path, report(error, datetime.now(UTC)))}\n"
        "Start calendar-tui again. If it ends again, use calendar-engine status, users, explain, and report it."
    )


def report(error: BaseException, at: datetime) -> str:
    """Return the lines of code that led to an error, without variables or messages, which may contain data."""
    heads = (
        f"calendar-tui {version('calendar-tui')}, textual {version('textual')}, Python {platform.python_version()}",
        operating_system(),
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
    )
    return "\n".join([*heads, *(text for each in _all_of(error, set()) for text in _where(each))]) + "\n"


def _written(path: Path, text: str) -> str:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_privately(path, text.encode())
    except OSError as error:
        return f"Where it happened could not be written to {path}: {error.strerror}."
    return f"Where it happened is in {path}: lines of the program alone, no data."


def _where(error: BaseException) -> Iterator[str]:
    yield f"\n{type(error).__module__}.{type(error).__qualname__}"
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f"  {frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}"


def _all_of(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Yield an error, the members of a group, and their causes."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for each in getattr(error, "exceptions", ()):
        yield from _all_of(each, seen)
    yield from _all_of(error.__cause__, seen)
    yield from _all_of(error.__context__, seen)
