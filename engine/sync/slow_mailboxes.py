"""Keeps mailboxes that Exchange takes long to answer for from holding every lane. No I/O."""

from collections import deque

SLOW_SECONDS = 5.0
SLOWER_THAN_USUAL = 4.0
LAST_VISITS = 16

LOOK_SECONDS = 1.0
"""How often to look whether a visit that is under way takes long."""


class SlowMailboxes:
    """Lets the mailboxes whose last two visits took long have at most `share` visits at a time; the others never wait.

    Long means longer than some seconds and than several usual visits: where all of them take long, none is special.
    That one is special is proved by another that began after it and was quick. All instants are seconds of a clock
    that runs evenly.
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

    def may_begin(self, key: str) -> bool:
        """Tell whether to visit now; a mailbox that may not is named by `ended` when its turn has come."""
        if key in self._slow:
            if len(self._under_way) >= self._share:
                if key not in self._waiting:
                    self._waiting.append(key)
                return False
            self._under_way.add(key)
        return True

    def begun(self, key: str, now: float) -> None:
        """A visit begins."""
        self._begun[key] = now

    def ended(self, key: str, seconds: float) -> str | None:
        """A visit has ended after that time; return the mailbox whose turn it is now, None while nobody waits."""
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
        """A visit was broken off: it waits among the slow ones; return the mailbox whose turn it is now."""
        self._begun.pop(key, None)
        self._slow.add(key)
        self._under_way.discard(key)
        if key not in self._waiting:
            self._waiting.append(key)
        return self._next()

    def overdue(self, now: float, lanes: int) -> list[str]:
        """Return the visits to break off, so that no more than the share hold a lane for long.

        Where nothing proves that others are quick, a single one is tried as soon as all lanes are held: then it is
        known. If that took long as well it is Exchange that is slow, and the next try is much later.
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
