"""Limits of Outlook in Graph, each for one application and mailbox (learn.microsoft.com/graph/throttling-limits)."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.simulator.faults import ODataError
from engine.simulator.graph.errors import throttled


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Requests at once and in every `period`; `retry_after` (seconds) is what a request too many at once is told.

    `batches_at_once` is for each application, whatever the mailboxes: nothing is documented.
    """

    at_once: int = 4
    batches_at_once: int | None = None
    in_period: int = 10_000
    period: timedelta = timedelta(minutes=10)
    retry_after: int = 5


AS_DOCUMENTED = Limits()

OF_BATCHES = ""
"""Stands for the mailbox where batches are counted."""


class Throttle:
    """Counts the requests of each application to each mailbox; those that are refused count, too."""

    def __init__(self, limits: Limits, now: Callable[[], datetime]) -> None:
        self._limits = limits
        self._now = now
        self._at_once = Counter[tuple[str, str]]()
        self._in_period: dict[tuple[str, str], tuple[datetime, int]] = {}

    def enter(self, client_id: str, mailbox: str) -> ODataError | None:
        """Begin a request, and return why it is refused, None if it is not; `leave` it in either case."""
        key = (client_id, mailbox.casefold())
        self._at_once[key] += 1
        now = self._now()
        began, count = self._in_period.get(key, (now, 0))
        if now - began >= self._limits.period:
            began, count = now, 0
        self._in_period[key] = (began, count + 1)
        if count >= self._limits.in_period:
            return throttled(math.ceil((began + self._limits.period - now).total_seconds()), "MailboxRequests")
        return throttled(self._limits.retry_after) if self._at_once[key] > self._limits.at_once else None

    def enter_batch(self, client_id: str) -> ODataError | None:
        """Begin a batch, and return why it is refused, None if it is not; `leave` it in either case."""
        key = (client_id, OF_BATCHES)
        self._at_once[key] += 1
        most = self._limits.batches_at_once
        return throttled(self._limits.retry_after, "Concurrency") if most and self._at_once[key] > most else None

    def leave(self, client_id: str, mailbox: str) -> None:
        """End a request, or a batch (`OF_BATCHES`)."""
        key = (client_id, mailbox.casefold())
        self._at_once[key] -= 1
        if not self._at_once[key]:
            del self._at_once[key]
