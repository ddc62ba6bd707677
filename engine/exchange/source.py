"""Interface of calendar sources: find a mailbox, read a window of its calendar, and report changes."""

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
    """Location of a user's calendar: the primary SMTP address, and the URL of the server.

    `found_by` is the candidate address that led to it, "" if that is not known.
    """

    address: str
    url: str
    found_by: str = field(default="", compare=False)


class Window(msgspec.Struct, frozen=True, gc=False):
    """A period of time, [start, end), both aware UTC instants."""

    start: datetime
    end: datetime


class Priority(Enum):
    """The reason why a mailbox has to be read again, and how soon."""

    NOW = "something in it has changed"
    SOON = "it is not watched any more"
    LATER = "for a while nothing could be heard of it"


@dataclass(frozen=True, slots=True)
class SubscriptionStatus:
    """Subscription status of a mailbox: changes are notified at once if it is `watched`, else found by polling.

    It is watched `since` an instant of network time, on a `connection` that carries other mailboxes too and is named
    after one of them. `why_not` describes what prevents watching it, "" if nothing does or it was not tried.
    `held_back_until` is when it may be read again (network time), None if it was not read too often.
    """

    watched: bool = False
    connection: str = ""
    since: datetime | None = None
    why_not: str = ""
    held_back_until: datetime | None = None


ChangeCallback = Callable[[str, Priority], None]
"""Callback with the address of a mailbox that has to be read again."""


class CalendarSource(Protocol):
    """A source that calendars can be read from. Every method may raise an `ExchangeFailure`, whose scope says whether
    it affects one mailbox or the whole source."""

    async def resolve(self, candidates: Sequence[str]) -> Mailbox:
        """Return the mailbox of the first candidate address that has one.

        Raises `MailboxNotFound`, naming what was tried, if none has.
        """
        ...

    async def read_window(self, mailbox: Mailbox, window: Window) -> tuple[Appointment, ...]:
        """Return every appointment that overlaps `window`, recurrences expanded, in no particular order."""
        ...

    async def watch(self, mailbox: Mailbox) -> Mailbox:
        """Begin to watch a mailbox, if it is not watched yet, and return its present location.

        Later changes are reported through `run`, once `is_watched` returns True. A mailbox that cannot be watched is no
        failure: it has to be read regularly.
        """
        ...

    def unwatch(self, mailbox: Mailbox) -> None:
        """Stop watching a mailbox."""
        ...

    def is_watched(self, mailbox: Mailbox) -> bool:
        """Return whether notifications for this mailbox are active, proved by a working connection."""
        ...

    def limitation(self, mailbox: Mailbox) -> ExchangeFailure | None:
        """Return why less is known of this mailbox than of others although it was read, None if that is not so."""
        ...

    def following(self, mailbox: Mailbox) -> SubscriptionStatus:
        """Return whether and how a mailbox is watched, or why not."""
        ...

    async def run(self, tell: ChangeCallback) -> None:
        """Listen for changes until cancelled, and report mailboxes that have to be read again."""
        ...

    @property
    def reads_at_once(self) -> int:
        """The number of windows worth reading at once; it may change."""
        ...

    @property
    def heeds_quiet_hours(self) -> bool:
        """Whether its calendars are read less often in the quiet hours of the settings."""
        ...

    @property
    def restriction(self) -> ExchangeFailure | None:
        """The failure because of which less is read than the settings ask for, None if everything is read."""
        ...

    @property
    def concerns(self) -> tuple[ExchangeFailure, ...]:
        """Failures that delay presences although everything works; at most one of each kind."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@runtime_checkable
class DegradableSource(Protocol):
    """A source that can continue with less than it should read."""

    def read_less(self, denial: ExchangeFailure) -> bool:
        """Note that no mailbox may be impersonated; return whether reading continues with less."""
        ...


@runtime_checkable
class SharingSource(Protocol):
    """A source whose budgets may be shared with other engines."""

    def share_with(self, engines: int) -> None:
        """Use one part of all budgets, which are those of this number of engines together; it may change."""
        ...


@runtime_checkable
class ReplaceableSource(Protocol):
    """A source that can continue in another way when its service has ended."""

    def goes_on_after(self, failure: ExchangeFailure) -> bool:
        """Note a failure of the whole service; return whether reading continues in another way from now on."""
        ...
