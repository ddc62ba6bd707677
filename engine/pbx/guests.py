"""Who may knock how often at the port that the PBX connects to; numbers only, no sockets."""

from collections import OrderedDict
from datetime import datetime, timedelta

from engine.core.clock import Clock

AT_ONCE = 32
"""So many may be connected without having logged in."""

AT_ONCE_FROM_ONE_ADDRESS = 8
"""So many of them from one address: a single machine cannot keep the PBX out."""

FAILURES_IN_A_ROW = 5
"""After so many refused log-ins an address has to wait."""

FORGIVEN_AFTER = timedelta(seconds=30)
"""How long it takes until one refused log-in does not count any more."""

ADDRESSES_REMEMBERED = 1000


class Guests:
    """Counts who is there without having logged in, and whose log-ins were refused lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._present: dict[str, int] = {}
        self._failures: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def may_enter(self, address: str) -> bool:
        """Tell whether one more connection from `address` is taken."""
        return (
            sum(self._present.values()) < AT_ONCE
            and self._present.get(address, 0) < AT_ONCE_FROM_ONE_ADDRESS
            and self._failures_of(address) <= FAILURES_IN_A_ROW - 1
        )

    def enter(self, address: str) -> None:
        """A connection from `address` has begun."""
        self._present[address] = self._present.get(address, 0) + 1

    def leave(self, address: str) -> None:
        """A connection has ended, or is no guest any more since it has logged in."""
        left = self._present[address] - 1
        if left:
            self._present[address] = left
        else:
            del self._present[address]

    def failed(self, address: str) -> None:
        """A log-in from `address` was refused."""
        self._failures[address] = (self._failures_of(address) + 1, self._clock.now())
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_REMEMBERED:
            self._failures.popitem(last=False)

    def _failures_of(self, address: str) -> float:
        failures, at = self._failures.get(address, (0.0, self._clock.now()))
        return max(0.0, failures - (self._clock.now() - at) / FORGIVEN_AFTER)
