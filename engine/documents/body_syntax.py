"""Decodes bodies and splits XML and JSON into coloured pieces without changing a character.

This is not a parser: text that is not valid XML (of a truncated body, for instance) becomes one last piece. The
constructs are those of XML 1.0 (fifth edition), 2.4 to 2.8 and 3.1. Every pattern takes time proportional to the text.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, StrEnum
from typing import NamedTuple

from engine.documents.lines import Role, Span


class Nesting(Enum):
    """The effect of a piece on the nesting depth of the following ones."""

    STAYS = 0
    OPENS = 1
    CLOSES = 2


class Piece(NamedTuple):
    """The characters from `start` to `end`, shown on a line of their own."""

    start: int
    end: int
    nesting: Nesting = Nesting.STAYS


Cutter = Callable[[str], Iterator[Piece]]
"""Splits a text into pieces; only insignificant white space lies between two pieces."""


def whole_lines(text: str) -> Iterator[Piece]:
    """Yield the lines of a text unchanged, without line ends."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield Piece(start, end)
        start = end + 1


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

_JSON_PARTS = re.compile(
    rf"""
    (?P<name>   {_STRING}(?=\s*:) )
  | (?P<value>  {_STRING} )
  | (?P<word>   [^\s\[\]{{}}",:]+ )
  | (?P<sign>   . )
    """,
    re.DOTALL | re.VERBOSE,
)
_JSON_ROLES = {"name": Role.ATTRIBUTE, "value": Role.VALUE, "word": Role.ENTITY, "sign": Role.TAG}


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
    """Return the parts of a piece with their roles; together they make up the piece."""
    return [Span(part.group(), _JSON_ROLES[part.lastgroup or "sign"]) for part in _JSON_PARTS.finditer(piece)]


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
"""A leaf is an element that contains only text."""

_XML_PARTS = re.compile(
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
_XML_ROLES = {
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
    """Return the parts of a piece with their roles; together they make up the piece."""
    spans: list[Span] = []
    for part in _XML_PARTS.finditer(piece):
        if part.lastgroup == "tag":
            spans += _spans(_TAG_PARTS.finditer(part.group()))
        else:
            spans += _spans((part,))
    return spans


def _spans(parts: Iterable[re.Match[str]]) -> list[Span]:
    return [Span(part.group(), _XML_ROLES[part.lastgroup or "plain"]) for part in parts]


class Shape(StrEnum):
    """The format that a body is shown in."""

    XML = "XML"
    JSON = "JSON"
    RAW = "raw"


def body_text(data: bytes, content_type: str) -> str:
    """Return the text of a body; bytes that are invalid in its encoding are shown as `\\xff`."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "backslashreplace")
    return data.decode(_charset(content_type), "backslashreplace")


def shape_of(text: str) -> Shape:
    """Return the format of a text, judged by its beginning."""
    match text[:100].lstrip("\ufeff \t\r\n")[:1]:
        case "<":
            return Shape.XML
        case "{" | "[":
            return Shape.JSON
        case _:
            return Shape.RAW


def cutter_of(shape: Shape) -> Cutter:
    """Return the function that splits a text of this format into pieces."""
    match shape:
        case Shape.XML:
            return xml_pieces
        case Shape.JSON:
            return json_pieces
        case Shape.RAW:
            return whole_lines


def spans_of(shape: Shape, piece: str) -> list[Span]:
    """Return the parts of a piece with their roles; together they make up the piece."""
    match shape:
        case Shape.XML:
            return xml_spans(piece)
        case Shape.JSON:
            return json_spans(piece)
        case Shape.RAW:
            return [Span(piece, Role.PLAIN)] if piece else []


def _charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"')
            try:
                b" ".decode(charset)
            except (LookupError, UnicodeDecodeError):
                break
            return charset
    return "utf-8"
