"""The one place where somebody may look on: every attempt to exchange something with Exchange, when it has ended."""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from engine.core.http_record import TracedExchange


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


@dataclass(slots=True)
class Stopwatch:
    """Measures the phases of one attempt, in seconds. `queued` is how long it waited for a lane."""

    queued: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=perf_counter)
    _lap: float = field(default_factory=perf_counter)
    _last: str = ""

    def lap(self, phase: str) -> None:
        """What happened since the last lap was `phase`."""
        now = perf_counter()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self._lap
        self._lap, self._last = now, phase

    def connected(self, tls: float) -> None:
        """What happened since the last lap made the connection; `tls` seconds of it were TLS."""
        self.lap("connect")
        if tls:
            self.phases["connect"] -= tls
            self.phases["tls"] = tls

    def logged_in(self) -> None:
        """What was sent until now was the first half of a handshake."""
        before = {name: value for name, value in self.phases.items() if name in ("connect", "tls")}
        self.lap("login")
        self.phases = {**before, "login": self._lap - self._begun - sum(before.values())}

    def stop(self) -> float:
        """Return how long all of it took, the queue too; what came after the head of the answer is `receive`."""
        if self._last == "wait":
            self.lap("receive")
        if self.queued:
            self.phases["queue"] = self.queued
        return perf_counter() - self._begun + self.queued
