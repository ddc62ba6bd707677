"""Writing XML element by element, control characters included, and reading it without entities or network."""

import re
from collections.abc import Mapping
from typing import TypeAlias

from lxml import etree
from lxml.etree import _Element

Element: TypeAlias = _Element
Content: TypeAlias = Element | str

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
STAND_INS = re.compile("\U0010ff00([\U0010ff10-\U0010ff1f]{4})")
STAND_IN, FIRST_DIGIT = chr(0x10FF00), 0x10FF10
"""A character that XML forbids goes through the library as a mark and its number in four digits of no meaning."""


class Maker:
    """Makes elements of one namespace: `make("Name", "text" or elements…, Attribute="value")`."""

    def __init__(self, namespace: str, prefixes: Mapping[str, str]) -> None:
        self._namespace = namespace
        self._prefixes = dict(prefixes)

    def __call__(self, name: str, /, *content: Content, **attributes: str) -> Element:
        """Return the element. XML 1.0 has no place for some characters: stand-ins go in, see `serialize`."""
        written = {attribute: _writable(text) for attribute, text in attributes.items()}
        element = etree.Element(self._tag(name), written, self._prefixes)
        for part in content:
            if isinstance(part, str):
                element.text = _writable(part)
            else:
                element.append(part)
        return element

    def add(self, parent: Element, name: str, text: str) -> None:
        """Append an element with text to `parent`: many times quicker than making it alone first."""
        etree.SubElement(parent, self._tag(name)).text = _writable(text)

    def _tag(self, name: str) -> str:
        return f"{{{self._namespace}}}{name}" if self._namespace else name


def _writable(text: str) -> str:
    return FORBIDDEN.sub(lambda match: STAND_IN + _digits(ord(match[0])), text)


def _digits(number: int) -> str:
    return "".join(chr(FIRST_DIGIT + int(digit, 16)) for digit in f"{number:04X}")


def _number(digits: str) -> str:
    return "".join(f"{ord(digit) - FIRST_DIGIT:X}" for digit in digits).lstrip("0") or "0"


def serialize(root: Element) -> bytes:
    """Return the document in UTF-8, what XML cannot hold as references: Exchange writes them so, forbidden or not.

    Halves of a pair are among them, one by one: a subject is UTF-16 to Exchange (libexpat issue 260).
    """
    document = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    if STAND_IN.encode() not in document:
        return document
    return STAND_INS.sub(lambda match: f"&#x{_number(match[1])};", document.decode()).encode()


def read(document: bytes) -> Element:
    """Return the root of a document. Raises lxml.etree.XMLSyntaxError."""
    return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))


def local_name(element: Element) -> str:
    """Return the element's name without its namespace."""
    return etree.QName(element).localname
