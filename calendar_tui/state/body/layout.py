"""Where every row of a body begins and ends, how deep it is and what it can fold; made a portion at a time."""

from array import array
from bisect import bisect_right
from itertools import islice
from typing import NamedTuple

from calendar_tui.state.body.columns import columns_end
from calendar_tui.state.body.pieces import Cutter, Nesting, Piece

STEP = 2
"""Columns by which a level is set in."""

DEEPEST = 12
"""Levels that are set in; deeper ones stay under each other, so that something is left of a narrow pane."""

LEAST = 20
"""Columns that a row is given at least."""


class Row(NamedTuple):
    """The characters from `start` to `end` of piece number `piece`, set in by `indent` columns."""

    start: int
    end: int
    indent: int
    piece: int


class Layout:
    """The rows of `text` in `width` columns, as far as `grow` has made them."""

    def __init__(self, text: str, cut: Cutter, width: int) -> None:
        self.text = text
        self.width = width
        self.complete = False
        self._pieces = cut(text)
        self._starts, self._ends, self._indents, self._numbers = array("L"), array("L"), array("H"), array("L")
        self._firsts = array("L")
        self._closings: dict[int, int] = {}
        self._open: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def row(self, number: int) -> Row:
        """Return a row."""
        return Row(self._starts[number], self._ends[number], self._indents[number], self._numbers[number])

    def piece(self, number: int) -> tuple[int, int]:
        """Return the first row of a piece, and the first of the next one."""
        following = self._firsts[number + 1] if number + 1 < len(self._firsts) else len(self)
        return self._firsts[number], following

    def closing(self, row: int) -> int | None:
        """Return the row that ends what `row` begins, None if it begins nothing that is known to end."""
        return self._closings.get(row)

    def enclosing(self, row: int) -> int | None:
        """Return the nearest row before `row` that begins what is not over there."""
        for before in range(row - 1, -1, -1):
            closing = self._closings.get(before)
            if closing is not None and closing > row:
                return before
        return None

    def at(self, offset: int) -> int:
        """Return the row that the character at `offset` is in."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def grow(self, pieces: int) -> None:
        """Lay out that many more pieces."""
        portion = list(islice(self._pieces, pieces))
        self.complete = len(portion) < pieces
        for piece in portion:
            self._place(piece)

    def _place(self, piece: Piece) -> None:
        if piece.nesting is Nesting.CLOSES and self._open:
            self._closings[self._open.pop()] = len(self)
        indent = min(len(self._open), DEEPEST) * STEP
        self._firsts.append(len(self))
        first = len(self)
        room = max(self.width - indent, LEAST)
        start = piece.start
        while True:
            line_end = self.text.find("\n", start, piece.end)
            line_end = piece.end if line_end < 0 else line_end
            self._wrap(start, line_end, indent, room)
            start = line_end + 1
            if start > piece.end:
                break
        if piece.nesting is Nesting.OPENS:
            self._open.append(first)

    def _wrap(self, start: int, end: int, indent: int, room: int) -> None:
        number = len(self._firsts) - 1
        while True:
            row_end = columns_end(self.text, start, end, room)
            self._starts.append(start)
            self._ends.append(row_end)
            self._indents.append(indent)
            self._numbers.append(number)
            if row_end >= end:
                return
            start = row_end
