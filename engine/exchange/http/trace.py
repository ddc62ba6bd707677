"""The one place where somebody may look on: every attempt to exchange something with Exchange, when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

from engine.core.traced import TracedExchange


class Trace(Protocol):
    """Somebody who looks on. It is called on any thread, must return at once and may not fail."""

    @property
    def on(self) -> bool:
        """Whether exchanges are wanted at present; as long as they are not, nothing is measured."""
        ...

    def take(self, exchange: TracedExchange) -> None:
        """Take an exchange that has ended. It holds what was on the wire: secrets are for the taker to blank."""
        ...


class NoTrace:
    """Nobody looks on."""

    on = False

    def take(self, exchange: TracedExchange) -> None:
        """Is never called, since nothing is wanted."""


# The events of the HTTP library that end a phase, and the one each of them is measured from.
_ENDS = {
    "connection.connect_tcp.complete": ("connect", "connection.connect_tcp.started"),
    "connection.start_tls.complete": ("tls", "connection.start_tls.started"),
    "http11.send_request_body.complete": ("send", "http11.send_request_headers.started"),
    "http11.receive_response_headers.complete": ("wait", "http11.send_request_body.complete"),
}
_LOGGING_IN = ("send", "wait", "receive")


@dataclass(slots=True)
class Stopwatch:
    """Measures the phases of one attempt, in seconds. `queued` is how long it waited for a lane."""

    queued: float = 0.0
    begun: float = field(default_factory=perf_counter)
    phases: dict[str, float] = field(default_factory=dict)
    _marks: dict[str, float] = field(default_factory=dict)

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of an event of the HTTP library; what it is about (`info`) may hold secrets and is not looked at.

        https://www.encode.io/httpcore/extensions/#trace
        """
        now = self._marks[event] = perf_counter()
        if event in _ENDS:
            phase, start = _ENDS[event]
            self.phases[phase] = now - self._marks.get(start, now)

    async def note_later(self, event: str, info: Mapping[str, Any]) -> None:
        """Like `note`, for the asynchronous half of the library."""
        self.note(event, info)

    def logged_in(self) -> None:
        """What was sent until now was the first half of a handshake."""
        spent = self.phases.get("connect", 0.0) + self.phases.get("tls", 0.0)
        self.phases = {name: value for name, value in self.phases.items() if name not in _LOGGING_IN}
        self.phases["login"] = perf_counter() - self.begun - spent

    def stop(self) -> float:
        """Return how long all of it took, the queue too; what came after the head of the answer is `receive`."""
        now = perf_counter()
        head = self._marks.get("http11.receive_response_headers.complete")
        if head is not None:
            self.phases["receive"] = now - head
        if self.queued:
            self.phases["queue"] = self.queued
        return now - self.begun + self.queued
