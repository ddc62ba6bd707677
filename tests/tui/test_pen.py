"""What is left out of what is written to the terminal changes nothing of the picture."""

import pyte
from hypothesis import given
from hypothesis import strategies as st

from calendar_tui.pen import FrugalPen

CODES = st.sampled_from(
    ["0", "1", "2", "7", "22", "27", "39", "49", "31", "96", "44", "38;5;75", "48;5;233", "38;2;1;2;3", "1;38;5;209"]
)
STYLES = st.lists(CODES, min_size=1, max_size=3).map(lambda codes: f"\x1b[{';'.join(codes)}m")
PARTS = st.lists(st.one_of(STYLES, st.sampled_from(["ab", "c ", "\x1b[2;3H", "\x1b[K", "ä"])), max_size=30)


@given(PARTS)
def test_the_picture_is_the_same(parts: list[str]) -> None:
    pen = FrugalPen()
    shown, frugal = screen(parts), screen([pen.filtered(part) for part in parts])
    assert shown.buffer == frugal.buffer
    assert shown.cursor.x == frugal.cursor.x


def screen(parts: list[str]) -> pyte.Screen:
    shown = pyte.Screen(40, 5)
    stream = pyte.Stream(shown)
    for part in parts:
        stream.feed(part)
    return shown


def test_what_is_in_force_is_not_written_again() -> None:
    pen = FrugalPen()
    segment = "\x1b[38;5;252;48;5;233m{}\x1b[0m"
    assert pen.filtered(segment.format("one") + segment.format("two")) == "\x1b[38;5;252;48;5;233monetwo"
    assert pen.filtered("\x1b[1;38;5;75;48;5;233mkey\x1b[0m") == "\x1b[1;38;5;75mkey"
    assert pen.filtered("\x1b[3;4H" + segment.format("three")) == "\x1b[3;4H\x1b[22;38;5;252mthree"
