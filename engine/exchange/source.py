"""The one face every calendar source shows: find a mailbox, read its window, hear when it changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol, runtime_checkable

import msgspec

from engine.core.appointments import Appointment
from engine.exchange.errors import ExchangeFailure


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where a user's calendar is: the primary SMTP address and the URL it is served under.

    `found_by` is the candidate address that led to it, "" where that is not known.
    """

    address: str
    url: str
    found_by: str = field(default="", compare=False)


class Window(msgspec.Struct, frozen=True, gc=False):
    """A stretch of time, [start, end), both aware UTC instants."""

    start: datetime
    end: datetime


class Urgency(Enum):
    """Why and how soon a mailbox has to be read again."""

    NOW = "something in it has changed"
    SOON = "it is not watched any more"
    LATER = "for a while nothing could be heard of it"


@dataclass(frozen=True, slots=True)
class Following:
    """How the changes of a mailbox are learned: told at once if it is `watched`, else by reading it now and then.

    It is watched `since` an instant of network time, on a `connection` that carries other mailboxes too and is named
    by one of them. `why_not` says in words what keeps it from being watched, "" where nothing does or nobody tried.
    `held_back_until` is when it may be read again (network time), None where it was not asked for too often.
    """

    watched: bool = False
    connection: str = ""
    since: datetime | None = None
    why_not: str = ""
    held_back_until: datetime | None = None


Tell = Callable[[str, Urgency], None]
"""Takes the address of a mailbox that has to be read again."""


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

    async def watch(self, mailbox: Mailbox) -> Mailbox:
        """Begin to watch a mailbox, if it is not watched yet, and return where it is now.

        What changes in it from then on is told through `run`, a moment later when `is_watched` says so. A mailbox
        that cannot be watched is no failure: it has to be read regularly.
        """
        ...

    def unwatch(self, mailbox: Mailbox) -> None:
        """Watch a mailbox no longer."""
        ...

    def is_watched(self, mailbox: Mailbox) -> bool:
        """Tell whether every change of this mailbox is told at the moment, as was shown by a connection that works."""
        ...

    def limitation(self, mailbox: Mailbox) -> ExchangeFailure | None:
        """Return why less is told of this mailbox than of others although it was read, None where it is not so."""
        ...

    def following(self, mailbox: Mailbox) -> Following:
        """Return whether and how a mailbox is watched, or why not."""
        ...

    async def run(self, tell: Tell) -> None:
        """Listen for changes until cancelled, and tell which mailboxes have to be read again."""
        ...

    @property
    def reads_at_once(self) -> int:
        """How many windows are worth being read at the same time; it may change."""
        ...

    @property
    def restriction(self) -> ExchangeFailure | None:
        """Why less is told than the settings ask for, None while everything is."""
        ...

    @property
    def concerns(self) -> tuple[ExchangeFailure, ...]:
        """What keeps presences from following in time although everything works; at most one of each kind."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@runtime_checkable
class Frugal(Protocol):
    """A source that can go on with less than it should read."""

    def read_less(self, denial: ExchangeFailure) -> bool:
        """Take note that nobody may be impersonated, whoever was tried; return whether reading goes on with less."""
        ...
