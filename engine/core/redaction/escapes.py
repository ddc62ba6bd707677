"""How text is escaped inside of other text, and what an escape stands for.

Character references as HTML 5 reads them (with or without a semicolon, C1 numbers as Windows-1252), the escapes of
strings in JSON (RFC 8259) and of its relatives in JavaScript, C and Python, percent-encoding (RFC 3986, and the
`%uXXXX` of JavaScript and IIS), quoted-printable (RFC 2045), and bytes of a one-byte character set.
"""

import re
from base64 import b64decode
from html import unescape as unescape_html

from engine.core.redaction.words import Words

SIGNS = Words((b"&", b"%", b"\\"))
"""What escapes begin with."""

QUOTED_SIGNS = Words(b"=%c" % sign for sign in b"0123456789ABCDEFabcdef \t\r\n")
"""What those of quoted-printable begin with: looked for in a fraction of the time that the expression takes."""

ESCAPE = re.compile(
    rb"&(?:#(?:[0-9]++|[xX][0-9a-fA-F]++);?|[A-Za-z][A-Za-z0-9]{1,31}+;?)"
    rb"""|\\(?:u+\{[0-9a-fA-F]{1,8}\}|u++[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-3][0-7]{2}|["'\\/bfnrtv\n])"""
    rb"|%(?:u[0-9a-fA-F]{4}|[0-9a-fA-F]{2})",
    re.DOTALL,
)
QUOTED_PRINTABLE = re.compile(rb"=(?:[0-9A-Fa-f]{2}|[ \t]{0,9}\r?\n)")
NOT_ASCII = re.compile(rb"[\x80-\xff]+")
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}+={0,2}")

_CONTROLS = {b"b": b"\b", b"t": b"\t", b"n": b"\n", b"f": b"\f", b"r": b"\r", b"v": b"\v", b"0": b"\0", b"\n": b""}
# The few bytes that Windows-1252 leaves out stay the controls they are in Latin-1.
_WINDOWS = {byte: bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
_ESCAPED_BYTES = {0xDC00 + byte: _WINDOWS.get(byte, chr(byte)) for byte in range(0x80, 0x100)}
_SURROGATE = b"\xed"
"""What half a surrogate pair begins with in UTF-8."""

_LARGEST = 7
"""Digits of the largest number a character can have."""


def meaning(escape: bytes) -> bytes:
    """Return what a match of `ESCAPE` stands for, in UTF-8; itself where it is none. Half a surrogate pair is kept."""
    match escape[:1]:
        case b"&":
            return _reference(escape)
        case b"%":
            return _character(escape[2:], 16) if escape[1:2] == b"u" else bytes.fromhex(escape[1:].decode())
        case _:
            return _backslash(escape[1:])


def quoted(escape: bytes) -> bytes:
    """Return what a match of `QUOTED_PRINTABLE` stands for."""
    return b"" if escape.endswith(b"\n") else bytes.fromhex(escape[1:].decode())


def in_utf8(text: bytes) -> bytes:
    """Return bytes above ASCII as UTF-8: pairs of surrogates as their character, what is no UTF-8 as Windows-1252."""
    if _SURROGATE in text:
        try:
            pairs = text.decode("utf-8", "surrogatepass")
            return pairs.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        except UnicodeDecodeError:
            pass
    return text.decode("utf-8", "surrogateescape").translate(_ESCAPED_BYTES).encode()


def from_base64(digits: bytes) -> bytes:
    """Return what base64 of either alphabet stands for; itself where that is no text."""
    plain = digits.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    decoded = b64decode(plain[: len(plain) - (len(plain) % 4 == 1)] + b"==")
    return decoded if decoded.isascii() or is_utf8(decoded) else digits


def _reference(escape: bytes) -> bytes:
    if escape[1:2] != b"#":
        return unescape_html(escape.decode()).encode()
    digits = escape[2:].rstrip(b";")
    return _character(digits[1:], 16) if digits[:1] in b"xX" else _character(digits, 10)


def _backslash(escaped: bytes) -> bytes:
    kind = escaped[:1]
    if len(escaped) == 1:
        return _CONTROLS.get(escaped, escaped)
    if kind in b"uUx":
        return _character(escaped.lstrip(b"uUx").strip(b"{}"), 16)
    return _character(escaped, 8)


def _character(digits: bytes, base: int) -> bytes:
    digits = digits.lstrip(b"0")
    number = int(digits or b"0", base) if len(digits) <= _LARGEST else 0x110000
    if 0x80 <= number <= 0x9F:
        return _WINDOWS[number].encode()
    return (chr(number) if number <= 0x10FFFF else "\ufffd").encode("utf-8", "surrogatepass")


def is_utf8(text: bytes) -> bool:
    """Tell whether bytes are text in UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
