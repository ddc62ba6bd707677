"""The body of a request or response as lines: indented, coloured, foldable and searchable, or raw."""

import re
from array import array
from bisect import bisect_left, bisect_right
from itertools import islice, pairwise
from typing import NamedTuple

from engine.display import counted
from engine.documents.body_syntax import Cutter, Nesting, Piece, Shape, cutter_of, spans_of
from engine.documents.columns import columns, printable
from engine.documents.lines import Line, Role, Span


class Folds:
    """Folded ranges of rows; the first row of each stays visible and shows how many rows are hidden."""

    def __init__(self) -> None:
        self._folded: dict[int, int] = {}
        self._outer: list[tuple[int, int]] = []
        self._hidden_before: list[int] = []

    def __contains__(self, row: int) -> bool:
        return row in self._folded

    @property
    def hidden(self) -> int:
        """The number of hidden rows."""
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
        """Return the number of `row` among the visible rows, or that of the row that hides it."""
        place = bisect_right(self._outer, (row, row)) - 1
        if place >= 0 and self._outer[place][0] < row <= self._outer[place][1]:
            row = self._outer[place][0]
        place = bisect_left(self._outer, (row, row))
        return row - (self._hidden_before[place - 1] if place else 0)

    def row(self, seen: int) -> int:
        """Return the row with the number `seen` among the visible rows."""
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


def columns_end(text: str, start: int, end: int, width: int) -> int:
    """Return the end of the part of `text` from `start` that fits into `width` columns, at least one character."""
    part = text[start : min(end, start + width)]
    if part.isascii() or columns(printable(part)) <= width:
        return start + len(part)
    used = 0
    for place, letter in enumerate(part):
        used += columns(printable(letter))
        if used > width:
            return start + max(place, 1)
    return start + len(part)


STEP = 2
"""Columns of indentation per level."""

DEEPEST = 12
"""Maximum number of indented levels, so that a narrow pane has room for the text."""

LEAST = 20
"""Minimum number of columns of a row."""


class BodyRow(NamedTuple):
    """The characters from `start` to `end` of piece number `piece`, indented by `indent` columns."""

    start: int
    end: int
    indent: int
    piece: int


class Layout:
    """The rows of `text` in `width` columns, as far as `grow` has laid them out."""

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

    def row(self, number: int) -> BodyRow:
        """Return a row."""
        return BodyRow(self._starts[number], self._ends[number], self._indents[number], self._numbers[number])

    def piece(self, number: int) -> tuple[int, int]:
        """Return the first row of a piece, and the first of the next one."""
        following = self._firsts[number + 1] if number + 1 < len(self._firsts) else len(self)
        return self._firsts[number], following

    def closing(self, row: int) -> int | None:
        """Return the row that ends the element starting at `row`, None if there is none or its end is unknown."""
        return self._closings.get(row)

    def enclosing(self, row: int) -> int | None:
        """Return the start row of the innermost element around `row`."""
        for before in range(row - 1, -1, -1):
            closing = self._closings.get(before)
            if closing is not None and closing > row:
                return before
        return None

    def at(self, offset: int) -> int:
        """Return the row of the character at `offset`."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def grow(self, pieces: int) -> None:
        """Lay out some more pieces."""
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


PORTION = 1000
"""Number of pieces laid out before other work gets a turn: some milliseconds."""

LOOK_AHEAD = 4096
"""Number of characters after a row that are searched for the end of its last part."""

MOST_FOUND = 10_000
"""Maximum number of matches of a search."""


class BodyView:
    """The lines of `text` in `width` columns; call `grow` until it is `complete`, because a large one takes time."""

    def __init__(self, text: str, shape: Shape, width: int) -> None:
        self.text = text
        self.shape = shape
        self.found: list[int] = []
        self._found_length = 0
        self._folds = Folds()
        self._layout = Layout(text, cutter_of(shape), width)
        self.grow()

    @property
    def complete(self) -> bool:
        """Whether every line is laid out."""
        return self._layout.complete

    @property
    def width(self) -> int:
        """The number of columns it was made for."""
        return self._layout.width

    def grow(self) -> None:
        """Lay out some more lines."""
        self._layout.grow(PORTION)

    def __len__(self) -> int:
        return len(self._layout) - self._folds.hidden

    def line(self, index: int, width: int) -> Line:
        """Return a line; its key is the offset of its start in the text."""
        number = self._folds.row(index)
        row = self._layout.row(number)
        spans = [Span(" " * row.indent)] if row.indent else []
        spans += self._coloured(number)
        if number in self._folds:
            closing = self._layout.closing(number) or number
            end = self._layout.row(closing)
            spans.append(Span(f" … {counted(closing - number - 1, 'line')} … ", Role.MUTED))
            spans += spans_of(self.shape, printable(self.text[end.start : end.end]))
        return Line(tuple(spans), str(row.start))

    def position(self, key: str) -> int | None:
        """Return the position of the line that shows the character at offset `key`."""
        return self._folds.seen(self._layout.at(int(key))) if key.isdecimal() and len(self._layout) else None

    def toggle(self, index: int) -> int:
        """Fold or unfold the element that starts at the line, or contains it, and return its new position."""
        number = self._folds.row(index)
        if number in self._folds:
            self._folds.unfold(number)
            return index
        if self._layout.closing(number) is None:
            enclosing = self._layout.enclosing(number)
            if enclosing is None:
                return index
            number = enclosing
        self._folds.fold(number, self._layout.closing(number) or number)
        return self._folds.seen(number)

    def unfold_all(self) -> None:
        """Show every line."""
        self._folds.clear()

    def search(self, words: str) -> int:
        """Search for `words`, ignoring case, and return the number of matches."""
        pattern = re.compile(re.escape(words), re.IGNORECASE)
        self._found_length = len(words)
        self.found = [hit.start() for hit in islice(pattern.finditer(self.text), MOST_FOUND)] if words else []
        return len(self.found)

    def hit(self, index: int, step: int) -> int | None:
        """Return the line of the next match after the line `index` (before it if `step` is -1), unfolded.

        None if there is no match, or if it is not laid out yet.
        """
        if not self.found:
            return None
        row = self._layout.row(self._folds.row(index))
        if step > 0:
            place = bisect_left(self.found, row.end) % len(self.found)
        else:
            place = bisect_left(self.found, row.start) - 1
        number = self._layout.at(self.found[place])
        if not self.complete and number >= len(self._layout) - 1:
            return None
        self._folds.reveal(number)
        return self._folds.seen(number)

    def _coloured(self, number: int) -> list[Span]:
        """Return the spans of a row, coloured as parts of the whole piece."""
        row = self._layout.row(number)
        first, following = self._layout.piece(row.piece)
        start, end = self._layout.row(first).start, self._layout.row(following - 1).end
        place, spans = start, []
        for text, role, _ in spans_of(self.shape, self.text[start : min(end, row.end + LOOK_AHEAD)]):
            part = text[max(row.start - place, 0) : max(row.end - place, 0)]
            place += len(text)
            if part:
                spans.append(Span(part, role))
        return [Span(printable(text), role) for text, role, _ in self._marked(spans, row.start, row.end)]

    def _marked(self, spans: list[Span], start: int, end: int) -> list[Span]:
        """Split the spans at the bounds of search matches."""
        length = self._found_length
        hits = self.found[bisect_right(self.found, start - length) : bisect_left(self.found, end)]
        if not hits:
            return spans
        marked: list[Span] = []
        place = start
        for text, role, _ in spans:
            edges = sorted({place, place + len(text), *(e for h in hits for e in (h, h + length))})
            edges = [edge for edge in edges if place <= edge <= place + len(text)]
            for left, right in pairwise(edges):
                inside = any(hit <= left < hit + length for hit in hits)
                marked.append(Span(text[left - place : right - place], Role.FOUND if inside else role))
            place += len(text)
        return marked
