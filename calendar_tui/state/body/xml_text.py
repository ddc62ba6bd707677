"""Cuts XML into pieces and says what its parts are; prefixes, attributes, entities and quotes stay as they were sent.

This is not a parser: what cannot be XML (a body that was cut off, for instance) becomes one last piece, as it is. The
constructs are those of XML 1.0 (fifth edition), 2.4 to 2.8 and 3.1. Every pattern takes time in proportion to the text.
"""

import re
from collections.abc import Iterable, Iterator

from calendar_tui.state.body.pieces import Nesting, Piece
from calendar_tui.state.lines import Role, Span

_ATTRIBUTES = r"""[^<"'>]*(?:(?:"[^"<]*"|'[^'<]*')[^<"'>]*)*"""

TOKEN = re.compile(
    rf"""
    (?P<leaf>   <(?![!?/]){_ATTRIBUTES}(?<!/)> [^<]* </[^<>]*> )
  | (?P<close>  </[^<>]*> )
  | (?P<empty>  <(?![!?/]){_ATTRIBUTES}(?<=/)> )
  | (?P<open>   <(?![!?/]){_ATTRIBUTES}> )
  | (?P<text>   [^<]+ )
  | (?P<other>  <!--.*?--> | <!\[CDATA\[.*?\]\]> | <\?.*?\?> | <![A-Z][^<>\[]*(?:\[.*?\]\s*)?> )
  | (?P<broken> .+ )
    """,
    re.DOTALL | re.VERBOSE,
)
"""A leaf is an element with nothing but text."""

_NESTING = {"open": Nesting.OPENS, "close": Nesting.CLOSES}

_PARTS = re.compile(
    r"""
    (?P<comment> <!--.*?(?:-->|\Z) )
  | (?P<cdata>   <!\[CDATA\[ | \]\]> )
  | (?P<tag>     <[^<>]*>? )
  | (?P<entity>  &[^;\s<]{1,32}; )
  | (?P<plain>   [^<&\]]+ | . )
    """,
    re.DOTALL | re.VERBOSE,
)
_TAG_PARTS = re.compile(
    r"""
    (?P<tag>       <[/?!]?[^\s<>/?]* | [/?]?> )
  | (?P<attribute> [^\s=<>"'/?]+ (?=\s*=) )
  | (?P<value>     "[^"]*" | '[^']*' )
  | (?P<plain>     . )
    """,
    re.DOTALL | re.VERBOSE,
)
_ROLES = {
    "comment": Role.MUTED,
    "cdata": Role.TAG,
    "tag": Role.TAG,
    "attribute": Role.ATTRIBUTE,
    "value": Role.VALUE,
    "entity": Role.ENTITY,
    "plain": Role.PLAIN,
}


def xml_pieces(text: str) -> Iterator[Piece]:
    """Yield the pieces of an XML document; white space between two tags is left out."""
    for token in TOKEN.finditer(text):
        kind = token.lastgroup or ""
        if kind != "text" or not token.group().isspace():
            yield Piece(token.start(), token.end(), _NESTING.get(kind, Nesting.STAYS))


def xml_spans(piece: str) -> list[Span]:
    """Return the parts of a piece by what they are; together they are the piece."""
    spans: list[Span] = []
    for part in _PARTS.finditer(piece):
        if part.lastgroup == "tag":
            spans += _spans(_TAG_PARTS.finditer(part.group()))
        else:
            spans += _spans((part,))
    return spans


def _spans(parts: Iterable[re.Match[str]]) -> list[Span]:
    return [Span(part.group(), _ROLES[part.lastgroup or "plain"]) for part in parts]
