"""A body as lines: indented and coloured where it is looked at, foldable, searchable; or raw."""

import re
from bisect import bisect_left, bisect_right
from itertools import islice, pairwise

from calendar_tui.state.body.decoding import Shape, cutter_of, spans_of
from calendar_tui.state.body.folding import Folds
from calendar_tui.state.body.layout import Layout
from calendar_tui.state.lines import Line, Role, Span
from engine.display import counted, visible

PORTION = 1000
"""Pieces that are laid out before anything else may happen: some milliseconds."""

LOOK_AHEAD = 4096
"""Characters behind a row that are looked at for where its last part ends."""

MOST_FOUND = 10_000
"""Places that a search finds at most."""


class BodyView:
    """Shows `text` in `width` columns; `grow` until `complete`, since a large one is made a portion at a time."""

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
        """Whether every line is there."""
        return self._layout.complete

    @property
    def width(self) -> int:
        """The columns it was made for."""
        return self._layout.width

    def grow(self) -> None:
        """Lay out some more."""
        self._layout.grow(PORTION)

    def __len__(self) -> int:
        return len(self._layout) - self._folds.hidden

    def line(self, index: int, width: int) -> Line:
        """Return a line; its key is the place in the text where it begins."""
        number = self._folds.row(index)
        row = self._layout.row(number)
        spans = [Span(" " * row.indent)] if row.indent else []
        spans += self._coloured(number)
        if number in self._folds:
            closing = self._layout.closing(number) or number
            end = self._layout.row(closing)
            spans.append(Span(f" … {counted(closing - number - 1, 'line')} … ", Role.MUTED))
            spans += spans_of(self.shape, visible(self.text[end.start : end.end]))
        return Line(tuple(spans), str(row.start))

    def position(self, key: str) -> int | None:
        """Return where the character at the place `key` is shown."""
        return self._folds.seen(self._layout.at(int(key))) if key.isdecimal() and len(self._layout) else None

    def toggle(self, index: int) -> int:
        """Fold or unfold what the line begins, or what it stands in, and return where that is now."""
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
        """Look for `words`, in capitals or not, and return how many places there are."""
        pattern = re.compile(re.escape(words), re.IGNORECASE)
        self._found_length = len(words)
        self.found = [hit.start() for hit in islice(pattern.finditer(self.text), MOST_FOUND)] if words else []
        return len(self.found)

    def hit(self, index: int, step: int) -> int | None:
        """Return the line of the next place found after the line `index` (before it if `step` is -1), unfolded.

        None: nothing was found, or the place is not laid out yet.
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
        """Return the part of a piece that is in this row, coloured as part of the whole piece."""
        row = self._layout.row(number)
        first, following = self._layout.piece(row.piece)
        start, end = self._layout.row(first).start, self._layout.row(following - 1).end
        place, spans = start, []
        for text, role, _ in spans_of(self.shape, self.text[start : min(end, row.end + LOOK_AHEAD)]):
            part = text[max(row.start - place, 0) : max(row.end - place, 0)]
            place += len(text)
            if part:
                spans.append(Span(part, role))
        return [Span(visible(text), role) for text, role, _ in self._marked(spans, row.start, row.end)]

    def _marked(self, spans: list[Span], start: int, end: int) -> list[Span]:
        """Divide the spans where something found begins and ends."""
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
