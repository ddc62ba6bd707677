"""Counts how often in a row a mailbox's subscription came to nothing, and says how it is tried next. No I/O."""

from datetime import datetime, timedelta
from enum import Enum, auto

LASTING = timedelta(minutes=10)
"""A subscription that lived so long was a good one: what ends it then is the first trouble."""

MOST_IN_COMPANY = 2
"""Once may be a server that was restarted between two requests; twice is that server's way."""

MOST_UNNAMED = 8
"""Refusals of a group as a whole: so many are needed to come down from 200 on one connection to one."""


class Next(Enum):
    """How a mailbox is subscribed to after a strike."""

    IN_COMPANY = auto()
    ALONE = auto()
    LATER = auto()


class Strikes:
    """Strikes by address, forgotten when a subscription has lived for long."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._since: dict[str, datetime] = {}

    def subscribed(self, address: str, now: datetime) -> None:
        """A new subscription was made."""
        self._since[address] = now

    def since(self, address: str) -> datetime | None:
        """Return when a mailbox was subscribed to, None if it is not."""
        return self._since.get(address)

    def ended(self, address: str) -> None:
        """There is no subscription any more, whatever the reason."""
        self._since.pop(address, None)

    def lived_long(self, address: str, now: datetime) -> bool:
        """Tell whether the present subscription was a good one."""
        since = self._since.get(address)
        return since is not None and now - since >= LASTING

    def strike(self, address: str, *, was_alone: bool, by_name: bool) -> Next:
        """A subscription was refused by the server, alone or in company, or lost soon; return what comes next."""
        count = self._counts[address] = self._counts.get(address, 0) + 1
        if count > MOST_UNNAMED or (was_alone and count > MOST_IN_COMPANY):
            return Next.LATER
        return Next.ALONE if by_name and count >= MOST_IN_COMPANY else Next.IN_COMPANY

    def has_any(self, address: str) -> bool:
        """Tell whether the last subscription came to nothing, so that the next one has to prove itself."""
        return address in self._counts

    def is_alone(self, address: str) -> bool:
        """Tell whether a mailbox is to have a connection of its own."""
        return self._counts.get(address, 0) >= MOST_IN_COMPANY

    def forgive(self, address: str) -> None:
        """Begin from nothing."""
        self._counts.pop(address, None)
