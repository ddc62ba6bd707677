"""Cuts JSON (RFC 8259) into pieces and says what its parts are; numbers and escapes stay as they were sent."""

import re
from collections.abc import Iterator

from calendar_tui.state.body.pieces import Nesting, Piece
from calendar_tui.state.lines import Role, Span

_STRING = r'"(?:[^"\\]|\\.)*"'
_SPACE = re.compile(r"\s*")
_PIECE = re.compile(
    rf"""
    (?P<empty> (?:{_STRING}\s*:\s*)? (?: \[\s*\] | \{{\s*\}} ) (?:\s*,)? )
  | (?P<open>  (?:{_STRING}\s*:\s*)? [\[{{] )
  | (?P<close> [\]}}] (?:\s*,)? )
  | (?P<value> (?:{_STRING}\s*:\s*)? (?: {_STRING} | [^\s\[\]{{}}",:]+ ) (?:\s*,)? )
  | (?P<broken> .+ )
    """,
    re.DOTALL | re.VERBOSE,
)
_NESTING = {"open": Nesting.OPENS, "close": Nesting.CLOSES}

_PARTS = re.compile(
    rf"""
    (?P<name>   {_STRING}(?=\s*:) )
  | (?P<value>  {_STRING} )
  | (?P<word>   [^\s\[\]{{}}",:]+ )
  | (?P<sign>   . )
    """,
    re.DOTALL | re.VERBOSE,
)
_ROLES = {"name": Role.ATTRIBUTE, "value": Role.VALUE, "word": Role.ENTITY, "sign": Role.TAG}


def json_pieces(text: str) -> Iterator[Piece]:
    """Yield the pieces of a JSON text; white space between two pieces is left out."""
    place = 0
    while True:
        space = _SPACE.match(text, place)
        place = space.end() if space else place
        found = _PIECE.match(text, place)
        if found is None:
            return
        yield Piece(found.start(), found.end(), _NESTING.get(found.lastgroup or "", Nesting.STAYS))
        place = found.end()


def json_spans(piece: str) -> list[Span]:
    """Return the parts of a piece by what they are; together they are the piece."""
    return [Span(part.group(), _ROLES[part.lastgroup or "sign"]) for part in _PARTS.finditer(piece)]
