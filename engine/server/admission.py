"""Which connections there may be at once, by who opened them; numbers only, no sockets."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Admitted(Hashable, Protocol):
    """A connection."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered on it, so that it may be cut."""
        ...


C = TypeVar("C", bound=Admitted)


@dataclass(frozen=True, slots=True)
class Limits:
    """So many connections at once: of everybody together, of one user, and more than that for `privileged` ones."""

    all: int
    per_user: int
    reserve: int = 0
    privileged: frozenset[int] = frozenset()


class Admission(Generic[C]):
    """Who is there. When it is full, the oldest idle connection of whoever has the most gives way to a new one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._present: dict[int, dict[C, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._present.values()))

    def place_for(self, user: int) -> tuple[bool, C | None]:
        """Tell whether one more connection of a user is taken, and which one has to be cut for it."""
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
        """A connection of a user has begun."""
        self._present.setdefault(user, {})[connection] = None

    def leave(self, user: int, connection: C) -> None:
        """A connection has ended."""
        own = self._present.get(user, {})
        own.pop(connection, None)
        if not own:
            self._present.pop(user, None)


def _oldest_idle(connections: dict[C, None]) -> C | None:
    return next((each for each in connections if each.is_idle), None)
