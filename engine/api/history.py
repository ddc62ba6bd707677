"""What happened before: the last presences of each user and the last changes of all, while the engine runs."""

from collections import deque

from engine.api.schema import ChangeEvent, PastChange

KEPT = 10
"""Changes per user."""

KEPT_OF_ALL = 1000
"""Changes of everybody, and of the sides."""


class History:
    """The last confirmed presences by guid, and the last changes of any kind."""

    def __init__(self) -> None:
        self._changes: dict[str, deque[PastChange]] = {}
        self.recent: deque[ChangeEvent] = deque(maxlen=KEPT_OF_ALL)

    def add(self, guid: str, change: PastChange) -> None:
        """Remember a change; the oldest one goes."""
        self._changes.setdefault(guid, deque(maxlen=KEPT)).append(change)

    def of(self, guid: str) -> tuple[PastChange, ...]:
        """Return a user's changes, the newest first."""
        return tuple(reversed(self._changes.get(guid, ())))

    def forget(self, guid: str) -> None:
        """Drop a user who takes part no more."""
        self._changes.pop(guid, None)
