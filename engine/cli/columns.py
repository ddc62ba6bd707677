"""How much room a line takes on a terminal, whatever script it is in, and with colours."""

import re
import shutil
import unicodedata

_COLOUR = r"\x1b\[[\d;]*m"
_PARTS = re.compile(rf"{_COLOUR}|.", re.DOTALL)


UNCUT = 10_000
"""Columns of whatever is no terminal: who searches through lines wants them whole."""


def room() -> int:
    """Return how wide a line may be: as wide as the terminal, or as COLUMNS says."""
    return shutil.get_terminal_size((UNCUT, 24)).columns


def columns(text: str) -> int:
    """Return how many columns `text` is wide (Unicode Standard Annex 11)."""
    return sum(map(_columns_of, _PARTS.findall(text)))


def cut(line: str, width: int, ellipsis: str = "") -> str:
    """Return a line that is no wider than `width` columns; one that was cut ends with `ellipsis`, and in no colour."""
    if columns(line) <= width:
        return line
    kept, room = [], width - columns(ellipsis)
    for part in _PARTS.findall(line):
        room -= _columns_of(part)
        if room >= 0 or part.startswith("\x1b"):
            kept.append(part)
    return "".join(kept) + ellipsis


def fitted(text: str, width: int) -> str:
    """Return a text that is exactly `width` columns wide, cut or filled up with blanks."""
    text = cut(text, width)
    return text + " " * (width - columns(text))


def _columns_of(part: str) -> int:
    if part.startswith("\x1b") or unicodedata.category(part) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(part) in "WF" else 1
