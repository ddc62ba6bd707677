"""Undoes the escapes of XML, JSON and URLs, in any nesting, and maps positions back to the original.

Character references as HTML 5 reads them (with or without a semicolon, C1 numbers as Windows-1252), the escapes of
strings in JSON (RFC 8259) and of its relatives in JavaScript, C and Python, percent-encoding (RFC 3986, and the
`%uXXXX` of JavaScript and IIS), quoted-printable (RFC 2045), and bytes of a one-byte character set.

Servers echo received data within XML, HTML, JSON, forms and any nesting of them. All of it is unescaped, so that a
secret is searched for once, in plain form; matches are reported as positions in the original.
"""

import re
from base64 import b64decode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from html import unescape as unescape_html

from engine.debuglog.redaction.multi_search import MultiSearch
from engine.debuglog.redaction.spans import TextRange

SIGNS = MultiSearch((b"&", b"%", b"\\"))
"""First bytes of escapes."""

QUOTED_SIGNS = MultiSearch(b"=%c" % sign for sign in b"0123456789ABCDEFabcdef \t\r\n")
"""First byte of quoted-printable escapes: a fast check before the regular expression."""

KINDS = {
    b"&": rb"&(?:#(?:[0-9]++|[xX][0-9a-fA-F]++);?|[A-Za-z][A-Za-z0-9]{1,31}+;?)",
    b"\\": rb"\\(?:u+\{[0-9a-fA-F]{1,8}\}|u++[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-3][0-7]{2}"
    rb"""|["'\\/bfnrtv\n])""",
    b"%": rb"%(?:u[0-9a-fA-F]{4}|[0-9a-fA-F]{2})",
}
"""The kinds of escapes by their first byte: references of HTML, those of strings in programs, and those of URLs."""
ESCAPE = re.compile(b"|".join(KINDS.values()), re.DOTALL)
_ESCAPES_OF = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in KINDS.items()}
QUOTED_PRINTABLE = re.compile(rb"=(?:[0-9A-Fa-f]{2}|[ \t]{0,9}\r?\n)")
NOT_ASCII = re.compile(rb"[\x80-\xff]+")
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}+={0,2}")

_CONTROLS = {b"b": b"\b", b"t": b"\t", b"n": b"\n", b"f": b"\f", b"r": b"\r", b"v": b"\v", b"0": b"\0", b"\n": b""}
# The few bytes undefined in Windows-1252 stay the control characters they are in Latin-1.
_WINDOWS = {byte: bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
_ESCAPED_BYTES = {0xDC00 + byte: _WINDOWS.get(byte, chr(byte)) for byte in range(0x80, 0x100)}
_SURROGATE = b"\xed"
"""First byte of half a surrogate pair in UTF-8."""

_LARGEST = 7
"""Digits of the largest code point."""


def meaning(escape: bytes) -> bytes:
    """Return the meaning of a match of `ESCAPE` in UTF-8, or the match itself if invalid. Lone surrogates are kept."""
    match escape[:1]:
        case b"&":
            return _reference(escape)
        case b"%":
            return _character(escape[2:], 16) if escape[1:2] == b"u" else bytes.fromhex(escape[1:].decode())
        case _:
            return _backslash(escape[1:])


def quoted(escape: bytes) -> bytes:
    """Return the meaning of a match of `QUOTED_PRINTABLE`."""
    return b"" if escape.endswith(b"\n") else bytes.fromhex(escape[1:].decode())


def in_utf8(text: bytes) -> bytes:
    """Return bytes above ASCII as UTF-8: surrogate pairs as their character, invalid UTF-8 as Windows-1252."""
    if _SURROGATE in text:
        try:
            pairs = text.decode("utf-8", "surrogatepass")
            return pairs.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        except UnicodeDecodeError:
            pass
    return text.decode("utf-8", "surrogateescape").translate(_ESCAPED_BYTES).encode()


def from_base64(digits: bytes) -> bytes:
    """Decode base64 of either alphabet; return it unchanged if the result is not text."""
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
    """Return whether bytes are UTF-8 text."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


PASSES = 5
"""Maximum nesting of escapes that is undone."""


_KINDS = 256
"""Maximum number of kinds of escapes, distinguished by their first byte."""

LONG = 20
"""Minimum characters of a line of folded base64."""


class Text:
    """Bytes with the original position of each."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def origin(self, span: TextRange) -> TextRange:
        """Return the position of a part in the original."""
        return span

    def level(self, place: int) -> int:
        """Return the escapes undone to get the character at `place`, 0 for none. See `ends`."""
        return 0


class _Half(Text):
    """Every second byte: the text of UTF-16 if all characters are below U+0100."""

    def __init__(self, original: Text, first: int) -> None:
        super().__init__(original.content[first::2])
        self._original = original
        self._first = first

    def origin(self, span: TextRange) -> TextRange:
        start, end = span
        return self._original.origin((2 * start + self._first, 2 * (end - 1) + self._first + 1))


class _Undone(Text):
    """The text `original` with some parts replaced."""

    def __init__(self, original: Text, level: int, parts: "list[tuple[int, int, bytes]]") -> None:
        pieces: list[bytes] = []
        self._original = original
        self._level = level
        self._starts: list[int] = []
        self._parts = parts
        done = length = 0
        for start, end, new in parts:
            pieces += (original.content[done:start], new)
            length += start - done
            self._starts.append(length)
            length += len(new)
            done = end
        super().__init__(b"".join((*pieces, original.content[done:])))

    def origin(self, span: TextRange) -> TextRange:
        start, end = span
        return self._original.origin((self._start(start), self._end(end)))

    def level(self, place: int) -> int:
        if self._level:
            at = bisect_right(self._starts, place) - 1
            if at >= 0 and place < self._starts[at] + len(self._parts[at][2]):
                return self._level * _KINDS + self._original.content[self._parts[at][0]]
        return self._original.level(self._start(place))

    def _start(self, place: int) -> int:
        at = bisect_right(self._starts, place) - 1
        if at < 0:
            return place
        start, end, new = self._parts[at]
        inside = place - self._starts[at]
        return start if inside < len(new) else end + inside - len(new)

    def _end(self, place: int) -> int:
        at = bisect_left(self._starts, place) - 1
        if at < 0:
            return place
        _, end, new = self._parts[at]
        return end + max(0, place - self._starts[at] - len(new))


def ends(level: int, begun: int) -> bool:
    """Return whether a delimiter of a `level` may close one of the level `begun`.

    It may if it was less escaped, or escaped in the same way; any other belongs to the nested text.
    """
    return level == begun or level // _KINDS < begun // _KINDS


def unescaped(text: Text, kind: bytes = b"") -> Text:
    """Return a text with all escapes undone, in UTF-8; or only those that start with `kind`."""
    text = _in_utf8(text)
    for level in range(1, PASSES + 1):
        parts = _escapes(text.content, kind)
        if not parts:
            break
        text = _Undone(text, level, parts)
    return _in_utf8(text)


def partly_unescaped(body: bytes) -> Iterator[Text]:
    """Yield a body with the escapes of one kind undone, if it has several: others may stand in what is escaped."""
    kinds = [kind for kind, escape in _ESCAPES_OF.items() if kind in body and escape.search(body)]
    if len(kinds) > 1:
        yield from (unescaped(Text(body), kind) for kind in kinds)


def readings(body: bytes) -> Iterator[Text]:
    """Yield the possible readings of a body: unescaped, and decoded from encodings of a whole text.

    If there is nothing to undo, the content of the first one is the body itself.
    """
    whole = Text(body)
    plain = unescaped(whole)
    yield plain
    if _is_quoted(body):
        yield unescaped(_replaced(whole, QUOTED_PRINTABLE, quoted))
    if b"\0" in body:
        for first in (0, 1):
            yield unescaped(_Half(whole, first))


def unfolded(text: Text) -> Text | None:
    """Return a text without line breaks within base64, None if there are none."""
    content = text.content
    if b"\n" not in content:
        return None
    parts = []
    for end in _LINE_END.finditer(content):
        start = end.start() - content.startswith(b"\r", max(0, end.start() - 1))
        if _DIGITS.match(content, max(0, start - LONG)):
            parts.append((start, end.end(), b""))
    return _Undone(text, 0, parts) if parts else None


def decoded(text: Text) -> Text:
    """Return a text with anything that may be base64 decoded."""
    return unescaped(_replaced(text, BASE64, from_base64))


# A line break within base64.
_LINE_END = re.compile(rb"\n[ \t]{0,9}(?=[\w+/=-])")
_DIGITS = re.compile(rb"[\w+/=-]{%d}" % LONG)


def _escapes(content: bytes, kind: bytes = b"") -> list[tuple[int, int, bytes]]:
    meanings: dict[bytes, bytes] = {}
    parts: list[tuple[int, int, bytes]] = []
    done = 0
    match = ESCAPE.match
    for _, place in SIGNS.where(content):
        if place < done or not content.startswith(kind, place) or (found := match(content, place)) is None:
            continue
        escape = found[0]
        new = meanings.get(escape)
        if new is None:
            new = meanings[escape] = meaning(escape)
        if new != escape:
            done = found.end()
            parts.append((place, done, new))
    return parts


def _in_utf8(text: Text) -> Text:
    return text if is_utf8(text.content) else _replaced(text, NOT_ASCII, in_utf8)


def _replaced(text: Text, pattern: "re.Pattern[bytes]", new: Callable[[bytes], bytes]) -> Text:
    meanings: dict[bytes, bytes] = {}
    parts: list[tuple[int, int, bytes]] = []
    for match in pattern.finditer(text.content):
        old = match[0]
        other = meanings.get(old)
        if other is None:
            other = meanings[old] = new(old)
        if other != old:
            parts.append((match.start(), match.end(), other))
    return _Undone(text, 0, parts) if parts else text


def _is_quoted(body: bytes) -> bool:
    return QUOTED_SIGNS.are_in(body) and QUOTED_PRINTABLE.search(body) is not None
