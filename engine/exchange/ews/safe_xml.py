"""Keeps what Exchange, or whatever answers in its place, can do to us by XML down to a `NotUnderstood`."""

import re
from html import escape
from typing import TypeAlias

from lxml import etree
from lxml.etree import _Element

from engine.exchange.failures import NotUnderstood

Element: TypeAlias = _Element

# What a recovering parser may have to mend: control characters and bytes outside the encoding, which Exchange passes on
# from subjects. Anything else (an unclosed or a crossed tag) could mean that appointments are missing.
_HARMLESS = frozenset(
    {
        etree.ErrorTypes.ERR_INVALID_CHAR,
        etree.ErrorTypes.ERR_INVALID_CHARREF,
        etree.ErrorTypes.ERR_INVALID_ENCODING,
    }
)
_FORBIDDEN_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse(body: bytes) -> Element:
    """Return the root of a whole document; entities and DTDs are refused, forbidden characters mended.

    Raises `NotUnderstood` for everything that is not one complete XML document.
    """
    parser = etree.XMLParser(
        recover=True,
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root: Element | None = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        raise NotUnderstood("the answer is no XML") from error
    if root is None or any(entry.type not in _HARMLESS for entry in parser.error_log):
        raise NotUnderstood("the answer is no complete XML document")
    if root.getroottree().docinfo.internalDTD is not None:
        raise NotUnderstood("the answer has a document type, which SOAP forbids")
    return root


def text_of(parent: Element, path: str) -> str:
    """Return the text of the first element at `path`, without blanks at the ends; "" where there is none."""
    return (parent.findtext(path) or "").strip()


def mended(text: str) -> str:
    """Return `text` with a blank for each character that XML forbids, in either form that recovery leaves them in."""
    return _FORBIDDEN_IN_XML.sub(" ", text).replace("\ufffd", " ")


def markup(text: str) -> bytes:
    """Return `text` as it goes into an element or a quoted attribute; characters that XML forbids are left out."""
    return escape(_FORBIDDEN_IN_XML.sub("", text)).encode()
