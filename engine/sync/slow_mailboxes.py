"""Keeps slow mailboxes from occupying every connection. No I/O."""

from collections import deque

SLOW_SECONDS = 5.0
SLOWER_THAN_USUAL = 4.0
LAST_VISITS = 16

LOOK_SECONDS = 1.0
"""How often to check whether a visit in progress takes long."""


class SlowMailboxLimiter:
    """Limits mailboxes whose last two visits took long to `share` visits at a time; the others never wait.

    Long means longer than some seconds and than several usual visits: if all of them take long, none is special.
    A visit that began later and was quick proves that this one is special. All instants are seconds of a monotonic
    clock.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._long_once: set[str] = set()
        self._slow: set[str] = set()
        self._under_way: set[str] = set()
        self._waiting: deque[str] = deque()
        self._usual: float | None = None
        self._begun: dict[str, float] = {}
        self._newest_quick = float("-inf")
        self._next_try = float("-inf")
        self._tries = 0

    def adjust(self, share: int) -> None:
        """Admit another number at a time from now on."""
        self._share = share

    def admits(self, key: str) -> bool:
        """Return whether to visit now; a mailbox that may not is returned by `ended` when its turn has come."""
        if key in self._slow:
            if len(self._under_way) >= self._share:
                if key not in self._waiting:
                    self._waiting.append(key)
                return False
            self._under_way.add(key)
        return True

    def begun(self, key: str, now: float) -> None:
        """Note that a visit begins."""
        self._begun[key] = now

    def ended(self, key: str, seconds: float) -> str | None:
        """Note that a visit has ended after `seconds`; return the mailbox whose turn it is now, if any waits."""
        begun = self._begun.pop(key, None)
        usual = seconds if self._usual is None else self._usual
        if seconds > max(SLOW_SECONDS, SLOWER_THAN_USUAL * usual) and self._is_special(begun):
            (self._slow if key in self._long_once else self._long_once).add(key)
        else:
            self._slow.discard(key)
            self._long_once.discard(key)
            self._usual = usual + (seconds - usual) / LAST_VISITS
            if begun is not None and seconds <= self._patience():
                self._newest_quick = max(self._newest_quick, begun)
                self._tries = 0
        self._under_way.discard(key)
        return self._next()

    def gave_way(self, key: str) -> str | None:
        """Put an aborted visit among the waiting slow ones; return the mailbox whose turn it is now."""
        self._begun.pop(key, None)
        self._slow.add(key)
        self._under_way.discard(key)
        if key not in self._waiting:
            self._waiting.append(key)
        return self._next()

    def overdue(self, now: float, lanes: int) -> list[str]:
        """Return the visits to abort, so that no more than the share occupy a connection for long.

        If nothing proves yet that others are quick, a single one is aborted as soon as all connections are occupied,
        to find out. If the next visit takes long as well, Exchange itself is slow, and the next attempt is much later.
        """
        if self._usual is None:
            return []
        patience = self._patience()
        held = sorted((begun, key) for key, begun in self._begun.items() if now - begun > patience)
        long = [key for begun, key in held if key not in self._under_way]
        surplus = len(held) - self._share
        if surplus <= 0:
            return []
        special = [key for key in long if self._is_special(self._begun[key])]
        if special:
            return special[:surplus]
        if len(held) < lanes or now < self._next_try:
            return []
        self._tries += 1
        self._next_try = now + patience * 2**self._tries
        return long[:1]

    def _patience(self) -> float:
        return max(SLOW_SECONDS, SLOWER_THAN_USUAL * (self._usual or 0.0))

    def _is_special(self, begun: float | None) -> bool:
        return begun is None or self._newest_quick > begun

    def _next(self) -> str | None:
        return self._waiting.popleft() if self._waiting and len(self._under_way) < self._share else None
