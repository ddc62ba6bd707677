"""How many requests one mailbox, and one server, get at most, whatever happens: a bound for mistakes and odd servers.

Everything that is known to go wrong has pauses of its own, far below these. No I/O.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

_SWEPT_AT = 1000


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests at once, and so many more with every minute: at most the sum of both within any minute."""

    at_once: int
    per_minute: int

    @property
    def interval(self) -> timedelta:
        """The time that a request takes to be allowed again."""
        return timedelta(minutes=1) / self.per_minute


OF_A_MAILBOX = Allowance(at_once=40, per_minute=12)
"""A first visit takes about 4 requests (up to 30 for somebody with many addresses or a very full calendar), one after
a change 1 or 2; an administrator may ask for a dozen in a row. Who changes a calendar every second without end has it
read every 5 to 10 seconds."""

OF_THE_ACCOUNT = Allowance(at_once=600, per_minute=600)
"""What is asked for in the account's own name: 10,000 mailboxes by free/busy are 100 requests at once, and 50,000
polled every two minutes are 250 a minute."""

OF_A_SERVER = Allowance(at_once=60_000, per_minute=12_000)
"""The first reading of 10,000 mailboxes is 40,000 requests, as fast as they are answered; after that 200 a second are
more than 8 connections take to a server that answers in 50 ms."""

A_VISIT = 3
"""Requests that a visit takes as a rule: it begins only when these are allowed at once."""


class Ration:
    """Counts requests by key (the generic cell rate algorithm, ITU-T I.371): one instant for each key is all it keeps.

    A key that was not asked for lately is not kept.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._full: dict[str, datetime] = {}
        self._swept_at = _SWEPT_AT

    def take(self, key: str, now: datetime) -> datetime:
        """Count a request and return when it may be sent: `now` or later, after those that were counted before."""
        if len(self._full) >= self._swept_at:
            self._sweep(now)
        full = max(self._full.get(key, now), now)
        self._full[key] = full + self._allowance.interval
        return max(now, full - self._leeway(1))

    def allows(self, key: str, requests: int, now: datetime) -> datetime:
        """Return when that many requests may be sent at once: `now` or later."""
        return max(now, self._full.get(key, now) - self._leeway(requests))

    def _leeway(self, requests: int) -> timedelta:
        return self._allowance.interval * (self._allowance.at_once - requests)

    def _sweep(self, now: datetime) -> None:
        self._full = {key: full for key, full in self._full.items() if full > now}
        self._swept_at = max(_SWEPT_AT, 2 * len(self._full))
