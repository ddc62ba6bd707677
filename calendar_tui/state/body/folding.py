"""Which rows are to be seen while others are folded away."""

from bisect import bisect_left, bisect_right


class Folds:
    """Ranges of rows that are folded: of each, the first row is to be seen and says how many are behind it."""

    def __init__(self) -> None:
        self._folded: dict[int, int] = {}
        self._outer: list[tuple[int, int]] = []
        self._hidden_before: list[int] = []

    def __contains__(self, row: int) -> bool:
        return row in self._folded

    @property
    def hidden(self) -> int:
        """How many rows are not to be seen."""
        return self._hidden_before[-1] if self._hidden_before else 0

    def fold(self, first: int, last: int) -> None:
        """Hide the rows after `first` up to `last`."""
        self._folded[first] = last
        self._count()

    def unfold(self, first: int) -> None:
        """Show them again."""
        self._folded.pop(first, None)
        self._count()

    def clear(self) -> None:
        """Show everything."""
        self._folded.clear()
        self._count()

    def reveal(self, row: int) -> None:
        """Unfold whatever hides `row`."""
        for first in [first for first, last in self._folded.items() if first < row <= last]:
            del self._folded[first]
        self._count()

    def seen(self, row: int) -> int:
        """Return which of the rows to be seen `row` is, or the one that hides it."""
        place = bisect_right(self._outer, (row, row)) - 1
        if place >= 0 and self._outer[place][0] < row <= self._outer[place][1]:
            row = self._outer[place][0]
        place = bisect_left(self._outer, (row, row))
        return row - (self._hidden_before[place - 1] if place else 0)

    def row(self, seen: int) -> int:
        """Return the row that is number `seen` of those to be seen."""
        low, high = 0, len(self._outer)
        while low < high:
            middle = (low + high) // 2
            first = self._outer[middle][0] - (self._hidden_before[middle - 1] if middle else 0)
            low, high = (middle + 1, high) if first < seen else (low, middle)
        return seen + (self._hidden_before[low - 1] if low else 0)

    def _count(self) -> None:
        self._outer = []
        self._hidden_before = []
        for first, last in sorted(self._folded.items()):
            if not self._outer or first > self._outer[-1][1]:
                self._outer.append((first, last))
                self._hidden_before.append(self.hidden + last - first)
