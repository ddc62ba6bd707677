"""Turns the bytes of a body into text, and says how it is best shown."""

import codecs
from enum import StrEnum

from calendar_tui.state.body.json_text import json_pieces, json_spans
from calendar_tui.state.body.pieces import Cutter, whole_lines
from calendar_tui.state.body.xml_text import xml_pieces, xml_spans
from calendar_tui.state.lines import Role, Span


class Shape(StrEnum):
    """How a body is shown."""

    XML = "XML"
    JSON = "JSON"
    RAW = "raw"


def body_text(data: bytes, content_type: str) -> str:
    """Return the text of a body; bytes that are no text in its encoding are written as `\\xff`."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "backslashreplace")
    return data.decode(_charset(content_type), "backslashreplace")


def shape_of(text: str) -> Shape:
    """Return how a text is best shown, told by how it begins."""
    match text[:100].lstrip("\ufeff \t\r\n")[:1]:
        case "<":
            return Shape.XML
        case "{" | "[":
            return Shape.JSON
        case _:
            return Shape.RAW


def cutter_of(shape: Shape) -> Cutter:
    """Return what cuts a text of this shape into pieces."""
    match shape:
        case Shape.XML:
            return xml_pieces
        case Shape.JSON:
            return json_pieces
        case Shape.RAW:
            return whole_lines


def spans_of(shape: Shape, piece: str) -> list[Span]:
    """Return the parts of a piece by what they are; together they are the piece."""
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
