"""Safe parsing of XML from Exchange, or from whatever answers in its place: anything harmful is a `NotUnderstood`."""

import codecs
import re
from html import escape
from typing import TypeAlias

from lxml import etree
from lxml.etree import _Element

from engine.exchange.errors import NotUnderstood

Element: TypeAlias = _Element

_FORBIDDEN_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE = re.compile("&#(?:x0*([0-9a-fA-F]{1,8})|0*([0-9]{1,10}));")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_ESCAPED = re.compile("\udced[\udca0-\udcbf][\udc80-\udcbf]|[\udc80-\udcff]")  # bytes that are not UTF-8
_HALF = re.compile("\udced[\udca0-\udcbf]")
_MOST = 100_000
_LARGEST = 4 * 1024 * 1024
"""The limit on the size, and on the repairs of each kind: no calendar exceeds it, and the engine waits meanwhile."""
_LAST_CHARACTER = 0x10FFFF

_DECLARATION = re.compile(rb"<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([A-Za-z0-9._-]{1,40})[\"']")
_ANY_DECLARATION = re.compile(r"\A<\?xml\s[^>]{0,400}\?>")
_UTF_16 = (
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_OTHERS = re.compile("iso8859-[0-9]{1,2}|cp125[0-9]|koi8-r|gb2312|gbk|gb18030|big5|shift_jis|euc_jp|euc_kr")


def parse(body: bytes) -> Element:
    """Return the root of a document; entities and DTDs are refused, characters that XML forbids become blanks.

    Exchange passes on control characters in subjects and names, as references that no parser accepts. Anything else
    that is not well-formed (an unclosed tag, say) could mean that appointments are missing, so it raises
    `NotUnderstood`.
    """
    try:
        root = _strictly(body)
    except etree.XMLSyntaxError as error:
        if len(body) > _LARGEST:
            raise NotUnderstood("the answer is no complete XML document") from error
        try:
            root = _strictly(_mended(body))
        except (etree.XMLSyntaxError, UnicodeEncodeError) as still:
            raise NotUnderstood("the answer is no complete XML document") from still
    if root.getroottree().docinfo.internalDTD is not None:
        raise NotUnderstood("the answer has a document type, which SOAP forbids")
    return root


def _strictly(body: bytes) -> Element:
    """Parse, and ignore what is only a warning, such as a namespace that is no absolute URI."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(body, parser)
    except (LookupError, ValueError) as error:
        raise NotUnderstood("the answer is no XML") from error


def _mended(body: bytes) -> bytes:
    """Return a document in UTF-8 with blanks for the characters that XML forbids, literal or as references.

    A surrogate pair becomes the character it stands for: servers that keep text in UTF-16 write it as two references
    (libexpat issue 260).
    """
    text = _REFERENCE.sub(_character, _decoded(body).removeprefix("\ufeff"), _MOST)
    text = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text, _MOST)
    return _FORBIDDEN_IN_XML.sub(" ", _ANY_DECLARATION.sub("", text, 1), _MOST).encode()


def _character(reference: re.Match[str]) -> str:
    """Return the replacement of a reference: a blank if its character is forbidden, or the surrogate, else
    unchanged."""
    hexadecimal, decimal = reference.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if number > _LAST_CHARACTER:
        return " "
    return chr(number) if _FORBIDDEN_IN_XML.match(chr(number)) else reference[0]


def _decoded(body: bytes) -> str:
    """Return a document as text; surrogates are kept, other bytes that its encoding does not allow become blanks."""
    for beginning, encoding in _UTF_16:
        if body.startswith(beginning):
            return body[: len(body) // 2 * 2].decode(encoding, "surrogatepass")
    declared = _DECLARATION.match(body)
    try:
        encoding = codecs.lookup(declared[1].decode()).name if declared else "utf-8"
    except LookupError as error:
        raise NotUnderstood("the answer is in an unknown encoding") from error
    if _OTHERS.fullmatch(encoding):
        return body.decode(encoding, "replace").replace("\ufffd", " ")
    # A document that declares UTF-16 here was written as a string and then sent as UTF-8.
    text = body.decode("utf-8", "surrogateescape")
    return _ESCAPED.sub(" ", text, _MOST) if _HALF.search(text) is None else _ESCAPED.sub(_half_of_a_pair, text, _MOST)


def _half_of_a_pair(escaped: re.Match[str]) -> str:
    """Return the surrogate that three bytes encode (CESU-8), a blank for any other byte that is not UTF-8."""
    if len(escaped[0]) == 1:
        return " "
    return escaped[0].encode("utf-8", "surrogateescape").decode("utf-8", "surrogatepass")


def text_of(parent: Element, path: str) -> str:
    """Return the text of the first element at `path`, without blanks at the ends; "" if there is none."""
    return (parent.findtext(path) or "").strip()


def markup(text: str) -> bytes:
    """Escape `text` for an element or a quoted attribute; characters that XML forbids are left out."""
    return escape(_FORBIDDEN_IN_XML.sub("", text)).encode()
