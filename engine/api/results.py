"""Keeps what the last operations found out, by the id of the operation."""

from typing import Generic, TypeVar

T = TypeVar("T")

KEPT = 20


class Results(Generic[T]):
    """The last results; older ones are forgotten."""

    def __init__(self) -> None:
        self._all: dict[str, T] = {}

    def keep(self, key: str, result: T) -> None:
        """Remember a result."""
        self._all[key] = result
        for old in list(self._all)[:-KEPT]:
            del self._all[old]

    def get(self, key: str) -> T | None:
        """Return a result, None where it is not, or no longer, known."""
        return self._all.get(key)
