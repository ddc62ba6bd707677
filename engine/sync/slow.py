"""Keeps mailboxes that Exchange takes long to answer for from holding every lane. No I/O."""

from collections import deque

SLOW_SECONDS = 5.0
SLOWER_THAN_USUAL = 4.0
LAST_VISITS = 16


class SlowMailboxes:
    """Lets the mailboxes whose last two visits took long have at most `share` visits at a time; the others never wait.

    Long means longer than some seconds and than several usual visits: where all of them take long, none is special.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._long_once: set[str] = set()
        self._slow: set[str] = set()
        self._under_way: set[str] = set()
        self._waiting: deque[str] = deque()
        self._usual: float | None = None

    def may_begin(self, key: str) -> bool:
        """Tell whether to visit now; a mailbox that may not is named by `ended` when its turn has come."""
        if key in self._slow:
            if len(self._under_way) >= self._share:
                if key not in self._waiting:
                    self._waiting.append(key)
                return False
            self._under_way.add(key)
        return True

    def ended(self, key: str, seconds: float) -> str | None:
        """A visit has ended after that time; return the mailbox whose turn it is now, None while nobody waits."""
        usual = seconds if self._usual is None else self._usual
        if seconds > max(SLOW_SECONDS, SLOWER_THAN_USUAL * usual):
            (self._slow if key in self._long_once else self._long_once).add(key)
        else:
            self._slow.discard(key)
            self._long_once.discard(key)
            self._usual = usual + (seconds - usual) / LAST_VISITS
        self._under_way.discard(key)
        return self._waiting.popleft() if self._waiting and len(self._under_way) < self._share else None
