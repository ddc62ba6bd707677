"""How an activity looks on a terminal: glyph and word say the same as the colour."""

import sys
from dataclasses import dataclass
from typing import TextIO

WORDS = {"": "available", "busy": "busy", "away": "away", "dnd": "dnd"}
GLYPHS = {"": "○", "busy": "●", "away": "◐", "dnd": "⊘"}
LETTERS = {"": "A", "busy": "B", "away": "W", "dnd": "D"}
COLOURS = {"": "", "busy": "\x1b[33m", "away": "\x1b[36m", "dnd": "\x1b[35m"}
PLAIN = "\x1b[0m"


def is_ascii_only(stream: TextIO) -> bool:
    """Tell whether the stream has letters but no glyphs."""
    return (stream.encoding or "").lower().replace("-", "") != "utf8"


@dataclass(frozen=True, slots=True)
class Palette:
    """What an output can show."""

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


def palette_of_output(*, no_colour: bool) -> Palette:
    """Return what standard output can show."""
    return palette_of(sys.stdout, no_colour=no_colour)


def palette_of(output: TextIO, *, no_colour: bool) -> Palette:
    """Return what an output can show: colours on a terminal alone."""
    return Palette(colour=output.isatty() and not no_colour, ascii_only=is_ascii_only(output))
