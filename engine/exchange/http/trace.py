"""Tracing of every attempted request to Exchange, reported when it has ended."""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from engine.core.http_record import HttpRecord


class Trace(Protocol):
    """Receiver of traced requests. It is called on any thread, must return at once and must not fail."""

    @property
    def on(self) -> bool:
        """Whether tracing is on; while it is off, nothing is measured."""
        ...

    def take(self, exchange: HttpRecord) -> None:
        """Receive a request that has ended. It holds everything as sent: the receiver has to redact secrets."""
        ...


class NoTrace:
    """A trace that is always off."""

    on = False

    def take(self, exchange: HttpRecord) -> None:
        """Do nothing: never called, because tracing is off."""


@dataclass(slots=True)
class Stopwatch:
    """Measures the phases of one attempt, in seconds. `queued` is how long it waited for a lane."""

    queued: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=perf_counter)
    _lap: float = field(default_factory=perf_counter)
    _last: str = ""

    def lap(self, phase: str) -> None:
        """Count the time since the last lap as `phase`."""
        now = perf_counter()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self._lap
        self._lap, self._last = now, phase

    def merge(self, phase: str) -> None:
        """Count everything until now as one `phase`."""
        self.lap(phase)
        self.phases = {phase: sum(self.phases.values())}

    def logged_in(self) -> None:
        """Count everything sent until now as the first half of a handshake."""
        before = {name: value for name, value in self.phases.items() if name in ("connect", "tls")}
        self.lap("login")
        self.phases = {**before, "login": self._lap - self._begun - sum(before.values())}

    def stop(self) -> float:
        """Return the whole time including the queue; the time after the head of the answer counts as `receive`."""
        if self._last == "wait":
            self.lap("receive")
        if self.queued:
            self.phases["queue"] = self.queued
        return perf_counter() - self._begun + self.queued
