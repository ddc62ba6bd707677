"""What each user's presence was before: the last few, and only as long as the engine runs."""

from collections import deque

from engine.api.schema import PastChange

KEPT = 10
"""Changes per user."""


class History:
    """The last confirmed presences by guid."""

    def __init__(self) -> None:
        self._changes: dict[str, deque[PastChange]] = {}

    def add(self, guid: str, change: PastChange) -> None:
        """Remember a change; the oldest one goes."""
        self._changes.setdefault(guid, deque(maxlen=KEPT)).append(change)

    def of(self, guid: str) -> tuple[PastChange, ...]:
        """Return a user's changes, the newest first."""
        return tuple(reversed(self._changes.get(guid, ())))

    def forget(self, guid: str) -> None:
        """Drop a user who takes part no more."""
        self._changes.pop(guid, None)
