"""The pieces a body is shown in: slices of its text, in its order, that change nothing."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple


class Nesting(Enum):
    """What a piece does to the depth of what follows it."""

    STAYS = 0
    OPENS = 1
    CLOSES = 2


class Piece(NamedTuple):
    """The characters from `start` to `end`, to be shown on a line of their own."""

    start: int
    end: int
    nesting: Nesting = Nesting.STAYS


Cutter = Callable[[str], Iterator[Piece]]
"""Cuts a text into pieces. What is between two pieces is white space that has no meaning."""


def whole_lines(text: str) -> Iterator[Piece]:
    """Yield the lines of a text as they are, without their ends."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield Piece(start, end)
        start = end + 1
