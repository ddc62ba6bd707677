"""Admission limits for connections per user; counts only, no sockets."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Admitted(Hashable, Protocol):
    """A connection."""

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress on it, so that it may be closed."""
        ...


C = TypeVar("C", bound=Admitted)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of simultaneous connections: in total, per user, and a reserve for `privileged` users."""

    all: int
    per_user: int
    reserve: int = 0
    privileged: frozenset[int] = frozenset()


class Admission(Generic[C]):
    """Tracks connections. At the limit, a new one replaces the oldest idle one of the user with the most."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._present: dict[int, dict[C, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._present.values()))

    def place_for(self, user: int) -> tuple[bool, C | None]:
        """Return whether a user's new connection is admitted, and the one to close for it."""
        limits, own = self._limits, self._present.get(user, {})
        most = limits.all + (limits.reserve if user in limits.privileged else 0)
        if len(own) >= limits.per_user:
            victim = _oldest_idle(own)
        elif len(self) >= most:
            victim = _oldest_idle(max(self._present.values(), key=len))
        else:
            return True, None
        return victim is not None, victim

    def enter(self, user: int, connection: C) -> None:
        """Record a new connection of a user."""
        self._present.setdefault(user, {})[connection] = None

    def leave(self, user: int, connection: C) -> None:
        """Record the end of a connection."""
        own = self._present.get(user, {})
        own.pop(connection, None)
        if not own:
            self._present.pop(user, None)


def _oldest_idle(connections: dict[C, None]) -> C | None:
    return next((each for each in connections if each.is_idle), None)
