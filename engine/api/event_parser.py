"""Cuts a stream of bytes into server-sent events (WHATWG HTML, 9.2.6); no I/O."""

from typing import NamedTuple


class ServerEvent(NamedTuple):
    """One event; `data` is what the engine sends in a single line of JSON."""

    id: str
    name: str
    data: bytes


class EventParser:
    """Takes bytes as they arrive and returns the events that are complete. Comments are signs of life alone."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Take the next bytes of the stream."""
        looked_at = max(0, len(self._pending) - 1)
        self._pending += data
        events: list[ServerEvent] = []
        start = 0
        while (end := self._pending.find(b"\n\n", max(start, looked_at))) >= 0:
            event = _event(bytes(self._pending[start:end]))
            if event is not None:
                events.append(event)
            start = end + 2
        del self._pending[:start]
        return events


def _event(block: bytes) -> ServerEvent | None:
    fields: dict[bytes, bytes] = {}
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        fields[name] = value.removeprefix(b" ")
    if b"data" not in fields:
        return None
    return ServerEvent(fields.get(b"id", b"").decode(), fields.get(b"event", b"message").decode(), fields[b"data"])
