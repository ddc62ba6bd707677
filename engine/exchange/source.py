"""The one face every calendar source shows: find a mailbox, read its window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.core.appointments import Appointment
from engine.exchange.failures import ExchangeFailure


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where a user's calendar is: the primary SMTP address and the URL it is served under."""

    address: str
    url: str


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, [start, end), both aware UTC instants."""

    start: datetime
    end: datetime


class CalendarSource(Protocol):
    """Somewhere calendars can be read from. Every method may raise an `ExchangeFailure`, whose scope tells whether
    one mailbox or the whole source is concerned."""

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        """Return the mailbox of the first candidate address that has one.

        Raises `MailboxNotFound` naming what was tried when none has.
        """
        ...

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`, recurrences expanded, in no particular order."""
        ...

    @property
    def reads_at_once(self) -> int:
        """How many windows are worth being read at the same time; it may change."""
        ...

    @property
    def restriction(self) -> ExchangeFailure | None:
        """Why less is told than the settings ask for, None while everything is."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
