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


# What the HTTP library that MSAL uses tells (https://www.encode.io/httpcore/extensions/#trace), in our words.
_EVENTS = {
    "connection.connect_tcp.started": "connecting",
    "connection.connect_tcp.complete": "connected",
    "connection.start_tls.complete": "secured",
    "http11.send_request_headers.started": "sending",
    "http11.send_request_body.complete": "sent",
    "http11.receive_response_headers.complete": "head",
}


@dataclass(slots=True)
class Stopwatch:
    """Measures one attempt by marks on the way; `queued` is how many seconds it waited for a lane."""

    queued: float = 0.0
    begun: float = field(default_factory=perf_counter)
    _marks: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        """That is now: connecting, connected, secured, shaken (hands), sending, sent, or the head of the answer."""
        self._marks[name] = perf_counter()

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of an event of an HTTP library; what it is about (`info`) may hold secrets and is not looked at."""
        if event in _EVENTS:
            self.mark(_EVENTS[event])

    def stop(self) -> tuple[float, dict[str, float]]:
        """Return the seconds that all of it took, the queue too, and those of each phase."""
        now, at = perf_counter(), self._marks
        ready = max(at.get("secured", self.begun), at.get("connected", self.begun))
        spans = {
            "connect": ("connecting", "connected"),
            "tls": ("connected", "secured"),
            "send": ("sending", "sent"),
            "wait": ("sent", "head"),
        }
        phases = {name: at[end] - at[start] for name, (start, end) in spans.items() if start in at and end in at}
        if "shaken" in at:
            phases["login"] = at["shaken"] - ready
        if "head" in at:
            phases["receive"] = now - at["head"]
        if self.queued:
            phases["queue"] = self.queued
        return now - self.begun + self.queued, phases
