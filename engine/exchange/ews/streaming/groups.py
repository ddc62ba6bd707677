"""Grouping of mailboxes that share a connection: those on the same servers, up to a limit. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_GROUPS = 250
"""The most connections at a time: enough for 50,000 mailboxes in groups of 200."""

SHRINK_BY = 10
SMALL_FOR = timedelta(hours=1)
"""When groups may be large again: a restarting server can look like one that refuses large groups."""


@dataclass(frozen=True, slots=True)
class ServerLocation:
    """The location of a mailbox: its EWS URL, and the group of servers that autodiscover names ("" if it names none).

    Only mailboxes with the same location may share a connection.
    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-maintain-affinity-between-group-of-subscriptions-and-mailbox-server
    """

    url: str
    group: str


@dataclass(slots=True, eq=False)
class SubscriptionGroup:
    """The mailboxes on one connection; the `anchor` routes all its requests to one server. Addresses are in lower case.

    `subscriptions` are the ids by address, for the members that have one. `cookie` is the X-BackEndOverrideCookie of
    the first Subscribe, "" before that or if the server sends none. `heard` are ids that a connection has carried,
    `fresh` those that no connection has carried long enough to be proved. No mailbox joins one that is `alone`.
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
        """Return the address of a subscription, None if it is no longer a member's."""
        return next((address for address, known in self.subscriptions.items() if known == identifier), None)


class SubscriptionGroups:
    """All groups. A mailbox that finds no room in any starts a new group and becomes its anchor.

    After a server has refused as many mailboxes on one connection, its groups are smaller.
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
        """Return the group of a mailbox, None if it is in none."""
        return self._of.get(address)

    def limit(self, place: ServerLocation, now: datetime) -> int:
        """Return the most mailboxes that one connection to this location carries."""
        limit, until = self._smaller.get(place, (self._limit, now))
        return limit if now < until else self._limit

    def reduce(self, place: ServerLocation, size: int, now: datetime) -> None:
        """Make the groups of this location smaller for a while, after the server refused one of `size` mailboxes."""
        smaller = max(1, size // SHRINK_BY)
        self._smaller[place] = (min(smaller, self.limit(place, now)), now + SMALL_FOR)

    def add(
        self, address: str, place: ServerLocation, now: datetime, *, alone: bool = False
    ) -> SubscriptionGroup | None:
        """Add a mailbox and return its group; None if there is no room on any connection."""
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
        """Remove a mailbox from its group and return the id of its subscription, None if it had none.

        If it was the anchor, the first member by address takes its place; a group without members is dropped.
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
