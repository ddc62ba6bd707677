"""Output of documents to a terminal or a pipe: width and colours."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from engine.documents.columns import printable
from engine.documents.lines import UNLIMITED, Line, Role

PLAIN = "\x1b[0m"
COLOURS = {
    Role.MUTED: "\x1b[2m",
    Role.TITLE: "\x1b[1m",
    Role.BUSY: "\x1b[33m",
    Role.AWAY: "\x1b[36m",
    Role.DND: "\x1b[35m",
    Role.PROBLEM: "\x1b[31m",
    Role.NOTICE: "\x1b[33m",
    Role.KEY: "\x1b[1m",
    Role.BAR: "\x1b[34m",
    Role.TAG: "\x1b[36m",
    Role.ATTRIBUTE: "\x1b[36m",
    Role.VALUE: "\x1b[33m",
    Role.ENTITY: "\x1b[35m",
    Role.BANNER: "\x1b[7m",
}
"""The colours of a terminal; roles that are not here look as plain ones."""


def room() -> int:
    """Return the width of documents: that of the terminal, or COLUMNS; otherwise unlimited, for searching in lines."""
    return shutil.get_terminal_size((UNLIMITED, 24)).columns


@dataclass(frozen=True, slots=True)
class AnsiPalette:
    """Converts lines to text, with colours if enabled."""

    colour: bool

    def printed(self, lines: Iterable[Line]) -> Iterator[str]:
        """Yield lines as text. Words that were broken are whole: a terminal goes on below by itself, and what is
        copied from it can be used."""
        whole: list[Line] = []
        for line in lines:
            if line.joined and whole:
                first, *others = line.spans
                begun = first._replace(text=first.text.lstrip())
                whole[-1] = Line((*whole[-1].spans, begun, *others))
            else:
                whole.append(line)
        return map(self.text, whole)

    def text(self, line: Line) -> str:
        """Return a line as text, without blanks at its end."""
        spans = list(line.spans)
        while spans and not spans[-1].text.strip():
            spans.pop()
        if spans:
            spans[-1] = spans[-1]._replace(text=spans[-1].text.rstrip())
        return "".join(self._painted(printable(span.text), span.role) for span in spans)

    def _painted(self, text: str, role: Role) -> str:
        colour = COLOURS.get(role, "")
        return f"{colour}{text}{PLAIN}" if self.colour and colour and text else text


def palette_of(output: TextIO) -> AnsiPalette:
    """Return the palette for an output: colours only on a terminal, unless NO_COLOR is set (no-color.org)."""
    return AnsiPalette(colour=output.isatty() and "NO_COLOR" not in os.environ)
