"""Cuts a stream of bytes into server-sent events (WHATWG HTML, 9.2.6); no I/O."""

import re
from typing import NamedTuple

from engine.api.errors import AnswerNotUnderstood

LARGEST_EVENT = 64 * 1024 * 1024
"""Maximum bytes of an event; a snapshot of 10,000 users has about 3.5 MB."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_SENDABLE = re.compile(rb"[!-~]*")
"""What may be an id, since the header Last-Event-ID has to carry it."""


class ServerEvent(NamedTuple):
    """One event; `id` is the last one that the stream named, `data` what the engine sends in a single line of JSON."""

    id: str
    name: str
    data: bytes


class EventParser:
    """Takes bytes as they arrive and returns the events that are complete. Comments are signs of life alone."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._is_first_line = True
        self._after_return = False
        self._id = ""
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Take the next bytes of the stream. Raises `AnswerNotUnderstood` if an event is too large."""
        events: list[ServerEvent] = []
        for line in self._lines(data):
            if line:
                self._take(line)
            elif (event := self._complete()) is not None:
                events.append(event)
        if self._size + len(self._pending) > LARGEST_EVENT:
            raise AnswerNotUnderstood(f"an event of more than {LARGEST_EVENT} bytes")
        return events

    def _lines(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete: LF, CR or CR LF ends one, and LF may come later than its CR."""
        if self._after_return and data:
            data = data.removeprefix(b"\n")
            self._after_return = False
        if b"\r" in data:
            self._after_return = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        if len(lines) == 1:  # so that a long line in many pieces is copied once
            self._pending += data
            return []
        self._pending += lines[0]
        lines[0] = bytes(self._pending)
        self._pending = bytearray(lines.pop())
        if self._is_first_line:
            self._is_first_line = False
            lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
        return lines

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(value)
        elif field == b"event":
            self._name = value.decode(errors="replace")
        elif field == b"id" and _SENDABLE.fullmatch(value):
            self._id = value.decode("ascii")

    def _complete(self) -> ServerEvent | None:
        """Return the event that ends here, None if it has no data."""
        if not self._data:
            self._name = ""
            return None
        event = ServerEvent(self._id, self._name or "message", b"\n".join(self._data))
        self._data, self._name, self._size = [], "", 0
        return event
