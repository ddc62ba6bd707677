"""What is left of this program after a mistake of its own: where it happened, and nothing of what it was showing."""

import platform
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_state_path

from calendar_tui.private_file import write_privately

NAME = "crash.txt"
"""There is one report, that of the last crash."""


def last_words(error: BaseException) -> str:
    """Write the report, and return what is said on the terminal."""
    path = user_state_path("calendar-tui", appauthor=False) / NAME
    return (
        f"calendar-tui has ended because of a mistake in it ({type(error).__name__}); the engine goes on without it.\n"
        f"{_written(path, report(error, datetime.now(UTC)))}\n"
        "Start calendar-tui again. If it ends again, use calendar-engine status, users, explain, and report it."
    )


def report(error: BaseException, at: datetime) -> str:
    """Return which lines of the program led to the error: no variables, and no texts of errors, which quote them."""
    heads = (
        f"calendar-tui {version('calendar-tui')}, textual {version('textual')}, Python {platform.python_version()}",
        f"{platform.platform()}",
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
    """Yield an error, the ones in it and the ones before it."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for each in getattr(error, "exceptions", ()):
        yield from _all_of(each, seen)
    yield from _all_of(error.__cause__, seen)
    yield from _all_of(error.__context__, seen)
