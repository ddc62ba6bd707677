"""What happened before: the last presences of each user and the last changes of all, while the engine runs."""

from collections import OrderedDict, deque

from engine.api.schema import ChangeEvent, PastChange

KEPT = 10
"""Changes per user."""

KEPT_OF_ALL = 1000
"""Changes of everybody, and of the sides."""


MOST_USERS = 20_000


class History:
    """The last confirmed presences by guid, and the last changes of any kind.

    A user who is gone is remembered: at every new link to the PBX all are gone for a moment. Those go first whose
    presence has not changed for the longest time.
    """

    def __init__(self) -> None:
        self._changes: OrderedDict[str, tuple[PastChange, ...]] = OrderedDict()
        self.recent: deque[ChangeEvent] = deque(maxlen=KEPT_OF_ALL)

    def add(self, guid: str, change: PastChange) -> None:
        """Remember a change; the oldest one goes."""
        self._changes[guid] = (*self._changes.get(guid, ()), change)[-KEPT:]
        self._changes.move_to_end(guid)
        if len(self._changes) > MOST_USERS:
            self._changes.popitem(last=False)

    def of(self, guid: str) -> tuple[PastChange, ...]:
        """Return a user's changes, the newest first."""
        return tuple(reversed(self._changes.get(guid, ())))
