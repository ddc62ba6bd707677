"""Lines have exactly the right width, and are redrawn only where they differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from calendar_tui.terminal import CharacterSet, written
from engine.display import SIGNS
from engine.documents.lines import Line, Role, Span, cut, difference, fitted, wrapped

TEXTS = st.text("aäß漢字 é○●…ﬁ\u0301-", max_size=30)
LINES = st.lists(st.builds(Span, TEXTS, st.sampled_from([Role.PLAIN, Role.BUSY])), max_size=4).map(
    lambda spans: Line(tuple(spans))
)


@given(TEXTS, st.integers(1, 40))
def test_fitted_is_as_wide_as_asked_for(text: str, width: int) -> None:
    assert cell_len(fitted(text, width)) == width
    assert cell_len(cut(text, width)) <= width
    if cell_len(text) <= width:
        assert cut(text, width) == text
        assert fitted(text, width).rstrip() == text.rstrip()


@given(TEXTS, st.sampled_from(CharacterSet))
def test_other_signs_are_as_wide(text: str, letters: CharacterSet) -> None:
    signs = written(text, letters)
    assert cell_len(signs) == cell_len(text)
    if letters is CharacterSet.ASCII:
        assert signs.isascii()


def test_every_glyph_has_a_sign_of_its_width() -> None:
    for glyph, sign in SIGNS.items():
        assert (cell_len(glyph), len(sign)) == (1, 1)
        assert sign.isascii()
        assert not glyph.isascii()


def test_names_stay_readable_in_ascii() -> None:
    assert written("Jürgen Groß, 漢", CharacterSet.ASCII) == "Jurgen Gros, ??"
    assert written("Jürgen ● busy", CharacterSet.NO_GLYPHS) == "Jürgen B busy"


@pytest.mark.slow
@given(LINES, LINES, st.integers(10, 90))
def test_outside_the_difference_nothing_differs(before: Line, after: Line, width: int) -> None:
    columns = difference(before, after, width)
    old, new = cells(before, width), cells(after, width)
    assert all(old[column] == new[column] for column in range(width) if column not in columns)
    assert difference(before, before, width) == range(0)


def cells(line: Line, width: int) -> list[tuple[str, Role] | None]:
    """What is in each column; the second of a wide letter holds the same as its first."""
    found: list[tuple[str, Role] | None] = []
    for text, role, _ in line.spans:
        for letter in text:
            if cell_len(letter):
                found += [(letter, role)] * cell_len(letter)
            elif found and found[-1] is not None:
                found[-1] = (found[-1][0] + letter, found[-1][1])
    return [*found, *[(" ", Role.PLAIN)] * width][:width]


def test_difference_is_small() -> None:
    before, after = Line((Span("● busy  Anna  10:15"),)), Line((Span("● busy  Anna  10:30"),))
    assert difference(before, after, 80) == range(17, 19)
    assert difference(after, Line((Span("● busy"),)), 80) == range(8, 19)


def test_wrapped_lines_end_where_they_are_told() -> None:
    lines = wrapped("word " * 60, 40, "  ", most=2)
    assert len(lines) == 2
    assert all(cell_len(line.text) <= 40 for line in lines)
    assert lines[-1].text.endswith("…")
