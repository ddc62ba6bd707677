"""Writes without glyphs where a terminal has none: every glyph has a sign of ASCII that is as wide."""

from rich.cells import cell_len

from calendar_tui.terminal import Letters
from engine.display import SIGNS as SIGNS
from engine.display import ascii_letter

_SIGNS = str.maketrans(SIGNS)


def written(text: str, letters: Letters) -> str:
    """Return `text` as the terminal can write it, exactly as wide as before."""
    if letters is Letters.ALL or text.isascii():
        return text
    text = text.translate(_SIGNS)
    return text if letters is Letters.NO_GLYPHS or text.isascii() else "".join(map(_as_ascii, text))


def _as_ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    width = cell_len(letter)
    return ascii_letter(letter) if width == 1 else "?" * width
