"""Exchanges that somebody wants to find again."""

from bisect import bisect_left, bisect_right, insort


class Marks:
    """The ids of marked exchanges."""

    def __init__(self) -> None:
        self._ids: list[int] = []

    def __contains__(self, id: int) -> bool:  # noqa: A002 - as in the API
        place = bisect_left(self._ids, id)
        return place < len(self._ids) and self._ids[place] == id

    def __len__(self) -> int:
        return len(self._ids)

    def toggle(self, id: int) -> None:  # noqa: A002 - as in the API
        """Mark, or mark no more."""
        if id in self:
            self._ids.remove(id)
        else:
            insort(self._ids, id)

    def next(self, id: int, step: int) -> int | None:  # noqa: A002 - as in the API
        """Return the nearest mark after `id`, before it if `step` is -1; beyond the last one they begin anew."""
        if not self._ids:
            return None
        place = bisect_right(self._ids, id) if step > 0 else bisect_left(self._ids, id) - 1
        return self._ids[place % len(self._ids)]
