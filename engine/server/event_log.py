"""Event log of the API: events serialised once, numbered, and kept for clients that reconnect."""

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager

import msgspec

from engine.api.schema import AuditEvent, ChangeEvent, OperationEvent, StatusEvent, Topic, UsersEvent
from engine.api.schema.log import LogEvent
from engine.api.schema.setup import SetupEvent
from engine.broadcast import Broadcast

CAPACITY = 8 * 1024 * 1024
"""Bytes of events kept; a listener further behind is disconnected."""

PORTION = 64 * 1024
"""Bytes after which the events found so far are sent to a listener."""

ApiEvent = StatusEvent | UsersEvent | OperationEvent | ChangeEvent | AuditEvent | SetupEvent | LogEvent


class ConsumerLagged(Exception):
    """The requested events are no longer kept."""


class Events:
    """A log of server-sent events of at most `capacity` bytes.

    Every event has a sequence number in the log, part of its id together with `boot`, and a number within its topic;
    neither has gaps. A listener is only a position in the log, so a slow one costs nothing.
    """

    def __init__(self, boot: str, capacity: int = CAPACITY) -> None:
        self.boot = boot
        self.last = 0
        self.is_closed = False
        self._capacity = capacity
        self._first = 1
        self._size = 0
        self._tape: dict[int, tuple[Topic, bytes]] = {}
        self._numbers: dict[Topic, int] = {}
        self._written = Broadcast()
        self._leave: set[Callable[[], None]] = set()

    def append(self, topic: Topic, make: Callable[[int], ApiEvent]) -> None:
        """Append an event; `make` receives its number within the topic."""
        number = self._numbers[topic] = self._numbers.get(topic, 0) + 1
        self.last += 1
        frame = self.heading(topic, self.last) + msgspec.json.encode(make(number)) + b"\n\n"
        self._tape[self.last] = (topic, frame)
        self._size += len(frame)
        while self._size > self._capacity:
            self._size -= len(self._tape.pop(self._first)[1])
            self._first += 1
        self._written.notify()

    def heading(self, name: str, sequence: int) -> bytes:
        """Return the lines before the data of an event (WHATWG HTML, server-sent events)."""
        return f"id: {self.boot}-{sequence}\nevent: {name}\ndata: ".encode()

    def after(self, sequence: int, topics: Set[Topic]) -> tuple[bytes, int]:
        """Return the events after a position, in chunks if there are many, and the position reached.

        Raises `ConsumerLagged` if some of them are gone.
        """
        if sequence + 1 < self._first:
            raise ConsumerLagged
        portion: list[bytes] = []
        size = 0
        while sequence < self.last and size < PORTION:
            sequence += 1
            topic, frame = self._tape[sequence]
            if topic in topics:
                portion.append(frame)
                size += len(frame)
        return b"".join(portion), sequence

    def place(self, event_id: str) -> int | None:
        """Return the position of an event id, None if it is from another run, or gone."""
        boot, _, sequence = event_id.rpartition("-")
        if boot != self.boot or not sequence.isdecimal() or not sequence.isascii() or len(sequence) > 18:
            return None
        place = int(sequence)
        return place if self._first - 1 <= place <= self.last else None

    async def news(self) -> None:
        """Wait until an event is appended or the log is closed."""
        await self._written.wait()

    @contextmanager
    def attended(self, leave: Callable[[], None]) -> Iterator[None]:
        """Count a listener while the context lasts; `leave` is called when the log is closed."""
        self._leave.add(leave)
        try:
            yield
        finally:
            self._leave.discard(leave)

    @property
    def listeners(self) -> int:
        """Current number of listeners."""
        return len(self._leave)

    def close(self) -> None:
        """Close the log: all listeners leave."""
        self.is_closed = True
        self._written.notify()
        for leave in list(self._leave):
            leave()
