"""Who may be at the port without having logged in, and who has to make room; no sockets."""

from collections import Counter, OrderedDict
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from engine.core.clock import Clock
from engine.pbx.addresses import KnownAddresses

AT_ONCE = 32
"""So many strangers may be connected without having logged in."""

AT_ONCE_FROM_ONE_ADDRESS = 8
"""So many from one address. A known address has these for itself, whatever strangers there are."""

FAILURES_IN_A_ROW = 20
"""After so many refused log-ins an address has to wait until one is forgiven."""

FORGIVEN_AFTER = timedelta(seconds=5)
"""How long it takes until one refused log-in does not count any more: whoever corrects a password is in soon."""

ADDRESSES_REMEMBERED = 1000


class Waiting(Protocol):
    """A connection that has not logged in. `progress` tells how far it has come, more is further."""

    @property
    def address(self) -> str:
        """The machine it comes from."""
        ...

    @property
    def progress(self) -> int:
        """How far it has come."""
        ...


Guest = TypeVar("Guest", bound=Waiting)


class Guests(Generic[Guest]):
    """Nobody is kept out because others are there: whoever has done least for longest makes room.

    Among strangers it is one from the address that has the most, so that a machine alone, or a few, cannot throw out
    another one's connection.
    """

    def __init__(self, clock: Clock, known: KnownAddresses) -> None:
        self._clock = clock
        self._known = known
        self._present: dict[Guest, None] = {}
        self._failures: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def may_enter(self, address: str) -> bool:
        """Tell whether a connection from `address` is taken: not after many refused log-ins."""
        return self._failures_of(address) <= FAILURES_IN_A_ROW - 1

    def enter(self, guest: Guest) -> Guest | None:
        """A connection has begun; return the one that has to make room for it."""
        leaving = self._makes_room(guest)
        self._present[guest] = None
        return leaving

    def leave(self, guest: Guest) -> None:
        """A connection has ended, or is no guest any more since it has logged in."""
        self._present.pop(guest, None)

    def failed(self, address: str) -> None:
        """A log-in from `address` was refused."""
        self._failures[address] = (self._failures_of(address) + 1, self._clock.now())
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_REMEMBERED:
            self._failures.popitem(last=False)

    def logged_in(self, address: str) -> bool:
        """A PBX has logged in from `address`, which is known from now on; return whether it was not before."""
        self._failures.pop(address, None)
        return self._known.add(address)

    def _makes_room(self, guest: Guest) -> Guest | None:
        alike = [other for other in self._present if other.address == guest.address]
        if len(alike) < AT_ONCE_FROM_ONE_ADDRESS:
            strangers = [other for other in self._present if other.address not in self._known]
            if guest.address in self._known or len(strangers) < AT_ONCE:
                return None
            [(busiest, _)] = Counter(other.address for other in strangers).most_common(1)
            alike = [other for other in strangers if other.address == busiest]
        return min(alike, key=lambda other: other.progress)

    def _failures_of(self, address: str) -> float:
        failures, at = self._failures.get(address, (0.0, self._clock.now()))
        return max(0.0, failures - (self._clock.now() - at) / FORGIVEN_AFTER)
