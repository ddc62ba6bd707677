"""The time zones that mailboxes are set to, as far as Exchange tells them: those of their working hours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from engine.exchange.source import Mailbox, Window

_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class MailboxZone:
    """A time zone by its offsets from UTC in January and July, and by its IANA `name`, "" if that is not told."""

    january: timedelta
    july: timedelta
    name: str = ""

    def is_like(self, other: "MailboxZone") -> bool:
        """Return whether both show the same time all year round, as far as is known."""
        return (self.january, self.july) == (other.january, other.july)

    def __str__(self) -> str:
        if self.name:
            return self.name
        summer = "" if self.january == self.july else f", {_offset(self.july)} in July"
        return f"{_offset(self.january)}{summer}"


@runtime_checkable
class ZoneSource(Protocol):
    """A calendar source that tells the time zones of mailboxes, which takes no other right than free/busy times."""

    async def zones(self, mailboxes: Sequence[Mailbox], window: Window) -> Mapping[str, MailboxZone]:
        """Return the zones of mailboxes by their addresses, as far as they are told; free/busy times of `window` are
        asked for, too. Raises an `ExchangeFailure`."""
        ...


def portions(mailboxes: Sequence[Mailbox], most: int) -> Iterator[Sequence[Mailbox]]:
    """Yield the mailboxes, as many at once as one request may ask for."""
    for first in range(0, len(mailboxes), most):
        yield mailboxes[first : first + most]


def zone_named(name: str, year: int) -> MailboxZone:
    """Return the zone with an IANA name."""
    zone = ZoneInfo(name)
    january, july = (datetime(year, month, 15, tzinfo=zone).utcoffset() or _NONE for month in (1, 7))
    return MailboxZone(january, july, name)


def _offset(offset: timedelta) -> str:
    minutes = round(abs(offset) / timedelta(minutes=1))
    shown = f"{minutes // 60}" if minutes % 60 == 0 else f"{minutes // 60}:{minutes % 60:02}"
    return f"UTC{'-' if offset < _NONE else '+'}{shown}"
