"""The width of texts in columns of a terminal (Unicode Standard Annex 11)."""

import unicodedata
from functools import lru_cache

from engine.display import visible

_PICTURE = "\ufe0f"
_NO_WIDTH = ("Mn", "Me", "Mc")
"""Combining marks, which take no column of their own."""

_WITH_THE_ONE_BEFORE = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF), (0x1F3FB, 0x1F3FF))
"""Vowels and finals of Hangul syllables, and the skin tones of emoji."""

_WIDE_SINCE_16 = ((0x2630, 0x2637), (0x268A, 0x268F), (0x4DC0, 0x4DFF), (0x1D300, 0x1D356), (0x1D360, 0x1D376))
"""Hexagrams, tetragrams and counting rods, which were narrow before Unicode 16; this Python may be older."""

_EMOJI = (0x1F300, 0x1FAFF)
"""Blocks of emoji; those that this Python does not know yet are as wide as the others."""


def printable(text: str) -> str:
    """Return a text made visible, without emoji presentation selectors, whose width differs between terminals."""
    return visible(text).replace(_PICTURE, "")


@lru_cache(maxsize=4096)
def columns(text: str) -> int:
    """Return the width of a `printable` text in columns."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def filled(text: str, width: int) -> str:
    """Return a text of exactly `width` columns, cut or padded with blanks."""
    if width <= 0:
        return ""  # marks without a width of their own are nothing either
    if columns(text) > width:
        text = _beginning(text, width)
    return text + " " * (width - columns(text))


def shortened(text: str, width: int) -> str:
    """Return a `printable` ASCII text in at most so many columns, with both of its ends, in the last of which names of
    machines differ."""
    if columns(text) <= width:
        return text
    begin = width // 2
    return f"{text[:begin]}…{text[begin + 1 - width :]}"


def _beginning(text: str, width: int) -> str:
    if text.isascii():
        return text[:width]
    used = 0
    for place, letter in enumerate(text):
        used += _columns_of(letter)
        if used > width:
            return text[:place]
    return text


@lru_cache(maxsize=4096)
def _columns_of(letter: str) -> int:
    code, category = ord(letter), unicodedata.category(letter)
    if category in _NO_WIDTH or any(first <= code <= last for first, last in _WITH_THE_ONE_BEFORE):
        return 0
    if category == "Cn":  # this Python has no width for letters that it does not know
        return 2 if _EMOJI[0] <= code <= _EMOJI[1] else 1
    wide = unicodedata.east_asian_width(letter) in "WF" or any(first <= code <= last for first, last in _WIDE_SINCE_16)
    return 2 if wide else 1
