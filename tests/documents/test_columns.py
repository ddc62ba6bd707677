"""The width of a text is the one that the terminal program draws."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len, set_cell_size

from engine.documents.columns import columns, filled, printable

WIDE_SINCE_16 = [*range(0x2630, 0x2638), *range(0x268A, 0x2690), *range(0x4DC0, 0x4E00), *range(0x1D300, 0x1D377)]
"""The oldest Rich that is allowed knows Unicode 15 alone."""

KNOWN = st.characters(exclude_categories=("Cs", "Cn"), exclude_characters="".join(map(chr, WIDE_SINCE_16)))
"""Letters that are assigned: of the others, Rich knows more than this Python does."""


@pytest.mark.slow
def test_every_letter_is_as_wide_as_it_is_drawn() -> None:
    differing = [
        letter
        for letter in map(chr, range(0x110000))
        if unicodedata.category(letter) != "Cn" and printable(letter) == letter and columns(letter) != cell_len(letter)
    ]
    assert {ord(letter) for letter in differing} <= set(WIDE_SINCE_16)


@given(st.text(KNOWN, max_size=30), st.integers(0, 30))
@example("\U00016f4f", 0)
def test_a_text_is_filled_as_it_is_drawn(text: str, width: int) -> None:
    text = printable(text)
    assert columns(text) == cell_len(text)
    assert filled(text, width) == set_cell_size(text, width)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("Anna", 4),
        ("Zoe\u0308", 3),
        ("王小明", 6),
        ("ｱﾝﾅ", 3),
        ("ミュラー", 8),
        ("각", 2),
        ("क्षि", 2),
        ("🚀", 2),
        ("👍🏽", 2),
        ("䷀", 2),
        ("☎\ufe0f", 1),
    ],
)
def test_the_width_of_a_text(text: str, width: int) -> None:
    assert columns(printable(text)) == width
