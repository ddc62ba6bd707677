"""Texts as somebody would give them who wants to do something to a terminal or a log."""

import unicodedata

HOSTILE = (
    "\x1b]0;owned\x07\x1b[31mX\n\r\x0b\x0cERROR forged\t\x9b2J\x85"
    "\u202e\u2066\u2069\u200b\u200d\u2028\u2029\ufeff\xad\U000e0041"
)
"""Controls of C0 and C1, overrides of the direction, what has no width, other ends of lines, a tag."""

NAME = f"Zoé {HOSTILE} Ende"


def harm_in(text: str) -> list[str]:
    """Return what in one line would do more than be seen; line feeds and tabs count."""
    return [letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def harm_in_lines(text: str) -> list[str]:
    """The same for an output of many lines."""
    return harm_in(text.replace("\n", ""))
