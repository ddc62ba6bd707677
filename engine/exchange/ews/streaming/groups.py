"""Which mailboxes share a connection: those that the same servers look after, as many as one may carry. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_GROUPS = 250
"""Connections at a time: enough for 50,000 mailboxes in groups of 200."""

SHRINK_BY = 10
SMALL_FOR = timedelta(hours=1)
"""After that, groups may be large again: a server that restarts can look like one that refuses large groups."""


@dataclass(frozen=True, slots=True)
class ServerLocation:
    """Where a mailbox is: its EWS URL, and the group of servers that autodiscover names ("" if it names none).

    Only mailboxes with the same place may share a connection.
    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-maintain-affinity-between-group-of-subscriptions-and-mailbox-server
    """

    url: str
    group: str


@dataclass(slots=True, eq=False)
class SubscriptionGroup:
    """Mailboxes on one connection; the `anchor` leads all of its requests to one server. Addresses are in lower case.

    `subscriptions` are ids by address, of the members that have one already. `cookie` is X-BackEndOverrideCookie as
    the first Subscribe was given it, "" before that or where the server has none. `heard` are ids that a connection
    has carried, `fresh` those that none has carried for long enough to be sure of it. A mailbox that is `alone` is
    joined by no other.
    """

    place: ServerLocation
    anchor: str
    members: set[str] = field(default_factory=set)
    subscriptions: dict[str, str] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    cookie: str = ""
    alone: bool = False

    def address_of(self, identifier: str) -> str | None:
        """Return whose subscription that is, None when it is nobody's any more."""
        return next((address for address, known in self.subscriptions.items() if known == identifier), None)


class SubscriptionGroups:
    """All groups. A group is founded by the mailbox that finds no room elsewhere, which becomes its anchor.

    A place whose server does not take as many mailboxes on one connection gets smaller groups from then on.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._smaller: dict[ServerLocation, tuple[int, datetime]] = {}
        self._groups: list[SubscriptionGroup] = []
        self._of: dict[str, SubscriptionGroup] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[SubscriptionGroup]:
        return iter(self._groups)

    def group_of(self, address: str) -> SubscriptionGroup | None:
        """Return the group a mailbox is in."""
        return self._of.get(address)

    def limit(self, place: ServerLocation, now: datetime) -> int:
        """Return how many mailboxes one connection to this place carries at most."""
        limit, until = self._smaller.get(place, (self._limit, now))
        return limit if now < until else self._limit

    def reduce(self, place: ServerLocation, size: int, now: datetime) -> None:
        """Make the groups of this place smaller for a while, since the server refused one of `size` mailboxes."""
        smaller = max(1, size // SHRINK_BY)
        self._smaller[place] = (min(smaller, self.limit(place, now)), now + SMALL_FOR)

    def add(
        self, address: str, place: ServerLocation, now: datetime, *, alone: bool = False
    ) -> SubscriptionGroup | None:
        """Return the group that the mailbox is in from now on; None when there is no room on any connection."""
        limit = self.limit(place, now)
        group = None if alone or limit == 1 else self._with_room(place, limit)
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                return None
            group = SubscriptionGroup(place, anchor=address, alone=alone or limit == 1)
            self._groups.append(group)
        group.members.add(address)
        self._of[address] = group
        return group

    def _with_room(self, place: ServerLocation, limit: int) -> SubscriptionGroup | None:
        there = (each for each in self._groups if each.place == place and not each.alone)
        return next((each for each in there if len(each.members) < limit), None)

    def remove(self, address: str) -> str | None:
        """Take a mailbox out of its group and return the id of its subscription, None when it had none.

        A group without an anchor gets the first of its members by address; one without members is gone.
        """
        group = self._of.pop(address, None)
        if group is None:
            return None
        group.members.discard(address)
        identifier = group.subscriptions.pop(address, None)
        group.heard.discard(identifier or "")
        group.fresh.discard(identifier or "")
        if not group.members:
            self._groups.remove(group)
        elif group.anchor == address:
            group.anchor = min(group.members)
        return identifier
