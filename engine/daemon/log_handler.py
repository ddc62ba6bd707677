"""Log handler: cleans and limits this program's entries, and reduces those of libraries to what happened and where.

Messages and tracebacks of libraries quote received data, including passwords in headers. So neither the text of
their exceptions nor the arguments of their messages are logged.
"""

import logging
import re
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from engine.core.errors import Failure
from engine.daemon.log_formats import FIELDS, LogEntry, Write, text_on
from engine.display import visible

OURS = "engine"
LONGEST = 2000
"""Maximum characters of a line."""

LONGEST_OF_LIBRARY = 120
MOST_FRAMES = 30
REPEATED = 60.0
"""Seconds within which a repeated message of a library is counted instead of logged again."""

REMEMBERED = 200

_PLACEHOLDER = re.compile(r"%(\(\w+\))?[-#0-9.]*[a-zA-Z]")
_QUOTED = re.compile(r"[(<'\"\[{\n]")
"""Start of the part of asyncio's messages that shows objects."""

_PACKAGES = ("site-packages", "dist-packages", "engine", "calendar_tui", "lib")


def start_logging(level: int, write: Write | None = None) -> None:
    """Direct all logging of this process, including Python's warnings, to one handler; as text, unless to `write`."""
    root = logging.getLogger()
    for handler in [*root.handlers]:
        root.removeHandler(handler)
    root.addHandler(LogHandler(write or text_on(sys.stderr)))
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(OURS).setLevel(level)
    logging.captureWarnings(True)


class LogHandler(logging.Handler):
    """Makes clean entries of log records and passes them to `write`; `now` is a monotonic clock in seconds."""

    def __init__(self, write: Write, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._write = write
        self._now = now
        self._said: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._said_lock = threading.Lock()

    @property
    def lines_counted(self) -> int:
        """Number of lines of libraries whose repetitions are counted."""
        return len(self._said)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it if a library repeats the same one."""
        entry = _entry(record) if _is_ours(record) else self._entry_of_library(record)
        if entry is None:
            return
        # There is nowhere to report that the log cannot be written; a stream that is closed raises a `ValueError`.
        with suppress(OSError, ValueError):
            self._write(entry)

    def _entry_of_library(self, record: logging.LogRecord) -> LogEntry | None:
        message = of_library(record)
        with self._said_lock:
            again = self._count(message)
        if again is None:
            return None
        more = f" ({again} more of these since the last such line)" if again else ""
        return LogEntry(record.levelno, f"{message}{more}")

    def _count(self, line: str) -> int | None:
        """Return the number of suppressed repetitions of a line, None if this one is to be suppressed as well."""
        now = self._now()
        since, count = self._said.get(line, (float("-inf"), 0))
        if now < since + REPEATED:
            self._said[line] = (since, count + 1)
            return None
        self._said[line] = (now, 0)
        self._said.move_to_end(line)
        if len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        return count


def of_library(record: logging.LogRecord) -> str:
    """Return what happened in a library, and where, without any received data."""
    text = f"{record.name}: {_happened(record)}".removesuffix(": ")
    error = record.exc_info[1] if record.exc_info else None
    place = f"{Path(record.pathname).name}:{record.lineno}"
    if error is None:
        return visible(f"{text} ({place})")
    frames = list(_frames(error.__traceback__))
    return visible(f"{text} ({_name(error)} at {frames[-1] if frames else place})")


def where(error: BaseException) -> Iterator[str]:
    """Yield the lines of code that led to an error; its text is included only for this program's own errors."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield f"{_name(each)}: {visible(str(each)[:LONGEST])}" if isinstance(each, Failure) else _name(each)
        yield from (f"  {frame}" for frame in list(_frames(each.__traceback__))[-MOST_FRAMES:])
        waiting += [*getattr(each, "exceptions", ()), each.__cause__, each.__context__]


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name == OURS or record.name.startswith(f"{OURS}.")


def _entry(record: logging.LogRecord) -> LogEntry:
    """Return a record of this program as an entry; where an error happened follows the message."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        message = str(record.msg)
    error = record.exc_info[1] if record.exc_info else None
    fields = {name: visible(text[:LONGEST]) for name, text in record.__dict__.get(FIELDS, {}).items()}
    return LogEntry(record.levelno, visible(message[:LONGEST]), tuple(where(error)) if error else (), fields)


def _happened(record: logging.LogRecord) -> str:
    """Return the fixed part of a message: its template, or what asyncio writes before it shows objects."""
    if not isinstance(record.msg, str):
        return ""
    if record.args:
        return _PLACEHOLDER.sub("…", record.msg).partition("\n")[0][:LONGEST_OF_LIBRARY]
    if record.name == "asyncio":
        return _QUOTED.split(record.msg, maxsplit=1)[0].strip()[:LONGEST_OF_LIBRARY]
    return ""


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame, line in traceback.walk_tb(trace):
        yield f"{_short(frame.f_code.co_filename)}:{line} {frame.f_code.co_qualname}"


def _short(path: str) -> str:
    """Return the part of a path that identifies the module."""
    parts = Path(path).parts
    for name in _PACKAGES:
        if name in parts:
            last = len(parts) - 1 - parts[::-1].index(name)
            return "/".join(parts[last + (name.endswith("packages") or name == "lib") :])
    return parts[-1] if parts else path
