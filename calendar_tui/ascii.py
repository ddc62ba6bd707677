"""Writes without glyphs where a terminal has none: every glyph has a sign of ASCII that is as wide."""

import unicodedata

from rich.cells import cell_len

from calendar_tui.terminal import Letters

SIGNS = {
    "○": "A",
    "●": "B",
    "◐": "W",
    "⊘": "D",
    "·": "?",
    "✓": "+",
    "✗": "!",
    "…": "~",
    "–": "-",
    "—": "-",
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "▸": ">",
    "▷": ">",
    "×": "x",
    "│": "|",
    "─": "-",
    "┊": ":",
    "↑": "^",
    "↓": "v",
    "▼": "v",
    "▲": "^",
    "▐": "[",
    "█": "#",
    "▓": "=",
    "▒": "%",
    "░": ".",
    "▏": "|",
    "▁": ".",
    "▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
}
"""In the order of use: activities, marks, punctuation, lines, bars; the eighths grow in darkness."""

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
    base = unicodedata.normalize("NFKD", letter)[0]
    width = cell_len(letter)
    return base if base.isascii() and width == 1 else "?" * width
