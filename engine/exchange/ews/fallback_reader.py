"""Reads appointments, or times and states alone for as long as nobody may be impersonated."""

from datetime import datetime
from typing import Protocol

from engine.core.appointments import Appointment
from engine.core.clock import Clock
from engine.exchange.ews.soap import Impersonation
from engine.exchange.failures import ExchangeFailure, OnlyFreeBusy
from engine.exchange.retry import WITH_LESS, WithLess, policy_of
from engine.exchange.source import Window


class Reader(Protocol):
    """A way to read windows. `restriction` says why it tells less than it could."""

    @property
    def restriction(self) -> ExchangeFailure | None:
        """What keeps it from telling everything, None when nothing does."""
        ...

    @property
    def mailboxes_per_request(self) -> int:
        """How many mailboxes one request can be about."""
        ...

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return what keeps it from telling everything about one mailbox alone, None when nothing does."""
        ...

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`."""
        ...


class FallbackReader:
    """Uses `details` as a rule, and `free_busy` once the service account has lost the right to impersonate anybody.

    A mailbox that is out of the scope of that right is another matter: somebody may have left it out on purpose.
    Every hour one read tries whether the right is there again. Mailboxes whose server does not expand recurring
    series are read by `free_busy` as well, each of them, and tried again each hour. `clock` is the network clock.
    """

    def __init__(self, details: Reader, free_busy: Reader, clock: Clock) -> None:
        self._details = details
        self._free_busy = free_busy
        self._clock = clock
        self._next_probe = clock.now()
        self._unexpanded: dict[str, tuple[ExchangeFailure, datetime]] = {}
        self.restriction: ExchangeFailure | None = None
        self._all_denied = False

    def read_less(self, denial: ExchangeFailure) -> None:
        """Use `free_busy`: whoever was tried may not be impersonated, so that it is the right that is missing."""
        self._all_denied = True
        self._restrict(denial)
        self._next_probe = self._clock.now() + WITH_LESS

    @property
    def mailboxes_per_request(self) -> int:
        """How many mailboxes one request can be about at present."""
        return (self._details if self.restriction is None else self._free_busy).mailboxes_per_request

    def limitation(self, address: str) -> ExchangeFailure | None:
        """Return why a mailbox is read by free/busy although others are not."""
        known = self._unexpanded.get(address)
        return known and known[0]

    async def read(self, url: str, mailbox: Impersonation, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`, as far as it may be known."""
        now = self._clock.now()
        if self.restriction is None and now < self._next_try(mailbox.address, now):
            return await self._free_busy.read(url, mailbox, window)
        if self.restriction is None or now >= self._next_probe:
            self._next_probe = now + WITH_LESS
            try:
                found = await self._details.read(url, mailbox, window)
            except ExchangeFailure as failure:
                policy = policy_of(type(failure))
                match policy.with_less:
                    case WithLess.EVERYBODY:
                        self._restrict(failure)
                    case WithLess.MAILBOX:
                        self.restriction, self._all_denied = None, False
                        self._unexpanded[mailbox.address] = (failure, now + WITH_LESS)
                    case WithLess.NOBODY if not (self._all_denied and policy.for_everybody is not None):
                        self._next_probe = now  # this says nothing of the right: the next read tries
                        raise
            else:
                self.restriction, self._all_denied = None, False
                self._unexpanded.pop(mailbox.address, None)
                return found
        return await self._free_busy.read(url, mailbox, window)

    def _restrict(self, failure: ExchangeFailure) -> None:
        self.restriction = self.restriction or OnlyFreeBusy(failure.detail)

    def _next_try(self, address: str, now: datetime) -> datetime:
        known = self._unexpanded.get(address)
        return known[1] if known else now
