"""The forms in which the log is written: lines of text, lines of JSON, or entries of the journal."""

import json
import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

FIELDS = "fields"
"""The `extra` of a log record that has the fields of its entry, by their names in the journal."""

JOURNAL = Path("/run/systemd/journal/socket")
IDENTIFIER = "calendar-engine"
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Levels of syslog(3)."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the log, clean already: its message, where an error happened, and its fields."""

    level: int
    message: str
    where: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


Write = Callable[[LogEntry], None]


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"
    JOURNAL = "journal"


def usual_format(environment: Mapping[str, str], stream: TextIO) -> LogFormat:
    """Return the format for `stream`: that of the journal where it leads there (JOURNAL_STREAM), else text."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return LogFormat.TEXT
    return LogFormat.JOURNAL if (device, inode) == (str(status.st_dev), str(status.st_ino)) else LogFormat.TEXT


def writer(form: LogFormat, stream: TextIO, journal: Path = JOURNAL) -> Write:
    """Return the function that writes entries in that form: to `stream`, or to the socket of the journal."""
    match form:
        case LogFormat.TEXT:
            return text_on(stream)
        case LogFormat.JSON:
            return json_on(stream)
        case LogFormat.JOURNAL:
            return Journal(journal).write


def text_on(stream: TextIO) -> Write:
    """Return a function that writes entries as lines of text; where an error happened is indented below."""

    def write(entry: LogEntry) -> None:
        lines = (f"{logging.getLevelName(entry.level)} {entry.message}", *(f"  {place}" for place in entry.where))
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()

    return write


def json_on(stream: TextIO, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Write:
    """Return a function that writes each entry as a line of JSON, with the time that `now` tells."""

    def write(entry: LogEntry) -> None:
        line = {
            "time": now().isoformat(timespec="milliseconds"),
            "level": logging.getLevelName(entry.level).lower(),
            "message": entry.message,
            **({"where": entry.where} if entry.where else {}),
            **{name.lower(): text for name, text in entry.fields.items()},
        }
        stream.write(f"{json.dumps(line, ensure_ascii=False)}\n")
        stream.flush()

    return write


class Journal:
    """Writes entries with their fields to the journal, by its native protocol, at the socket `path`.

    It never waits: entries that the journal does not take in time, or that come while there is none, are counted, and
    the next one says how many.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lost = 0

    def write(self, entry: LogEntry) -> None:
        """Write an entry, or count it as lost. Raises `OSError` as well if there is no journal."""
        lost = (f"({self._lost} entries before this one were not taken by the journal)",) if self._lost else ()
        fields = {
            **entry.fields,
            "MESSAGE": "\n".join((entry.message, *entry.where, *lost)),
            "PRIORITY": str(PRIORITIES.get(entry.level, PRIORITIES[logging.INFO])),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
        }
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            try:
                sending.sendto(b"".join(_field(*each) for each in fields.items()), str(self._path))
            except OSError as error:
                self._lost += 1
                if not isinstance(error, BlockingIOError):
                    raise
            else:
                self._lost = 0


def _field(name: str, text: str) -> bytes:
    """Return a field as the journal reads it: a value of several lines follows its length."""
    value = text.encode(errors="replace")
    if b"\n" not in value:
        return b"%s=%s\n" % (name.encode(), value)
    return b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value)
