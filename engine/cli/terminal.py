"""Columns and ANSI colours for text on a terminal."""

import re
import shutil
import sys
import unicodedata
from dataclasses import dataclass
from typing import TextIO

_COLOUR = r"\x1b\[[\d;]*m"
_PARTS = re.compile(rf"{_COLOUR}|.", re.DOTALL)


UNCUT = 10_000
"""Columns of whatever is no terminal: who searches through lines wants them whole."""


def room() -> int:
    """Return the maximum width of a line: that of the terminal, or COLUMNS."""
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


WORDS = {"": "available", "busy": "busy", "away": "away", "dnd": "dnd"}
GLYPHS = {"": "○", "busy": "●", "away": "◐", "dnd": "⊘"}
LETTERS = {"": "A", "busy": "B", "away": "W", "dnd": "D"}
COLOURS = {"": "", "busy": "\x1b[33m", "away": "\x1b[36m", "dnd": "\x1b[35m"}
PLAIN = "\x1b[0m"


def is_ascii_only(stream: TextIO) -> bool:
    """Return whether the stream has letters but no glyphs."""
    return (stream.encoding or "").lower().replace("-", "") != "utf8"


@dataclass(frozen=True, slots=True)
class AnsiPalette:
    """The capabilities of an output: colours and glyphs."""

    colour: bool
    ascii_only: bool

    def activity(self, activity: str | None) -> str:
        """Return glyph and word of an activity in the API's words, 11 columns wide."""
        if activity is None:
            return f"{'?' if self.ascii_only else '·'} {'unknown':<9}"
        key = "" if activity == "available" else activity
        glyph = (LETTERS if self.ascii_only else GLYPHS)[key]
        return self.painted(COLOURS[key], f"{glyph} {WORDS[key]:<9}")

    def mark(self, *, good: bool) -> str:
        """Return the mark for what works, or for what does not."""
        glyph = ("+" if good else "!") if self.ascii_only else ("✓" if good else "✗")
        return self.painted("" if good else "\x1b[31m", glyph)

    def notice(self, text: str) -> str:
        """Return what must not be overlooked."""
        return self.painted("\x1b[7m", f"{'>' if self.ascii_only else '▷'} {text}")

    def painted(self, colour: str, text: str) -> str:
        """Return a text in a colour ("" for none), where there are colours."""
        return f"{colour}{text}{PLAIN}" if self.colour and colour else text


def palette_of_output(*, no_colour: bool) -> AnsiPalette:
    """Return the capabilities of standard output."""
    return palette_of(sys.stdout, no_colour=no_colour)


def palette_of(output: TextIO, *, no_colour: bool) -> AnsiPalette:
    """Return the capabilities of an output: colours only on a terminal."""
    return AnsiPalette(colour=output.isatty() and not no_colour, ascii_only=is_ascii_only(output))
