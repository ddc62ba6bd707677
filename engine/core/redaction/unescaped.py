"""Undoes escapes as far as they go, and remembers where everything came from.

Servers echo what they were sent inside of XML, HTML, JSON, forms and each in another. All of it is undone, so that a
secret is looked for once, as it is; and where it was found is told in the places of the original.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

from engine.core.redaction import escapes
from engine.core.redaction.escapes import is_utf8
from engine.core.redaction.spans import Span

PASSES = 5
"""So often escapes are undone that stand inside of one another."""


_KINDS = 256
"""Kinds of escapes at most: they are told by the byte they begin with."""

LONG = 20
"""Characters of base64 that a line has at least where it was folded."""


class Text:
    """Bytes, each of which came from somewhere."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def origin(self, span: Span) -> Span:
        """Return where a part came from in the original."""
        return span

    def level(self, place: int) -> int:
        """Return what had to be undone until the character at `place` was there, 0 for nothing. See `ends`."""
        return 0


class _Half(Text):
    """Every second byte: what is left of UTF-16 if all is below U+0100."""

    def __init__(self, original: Text, first: int) -> None:
        super().__init__(original.content[first::2])
        self._original = original
        self._first = first

    def origin(self, span: Span) -> Span:
        start, end = span
        return self._original.origin((2 * start + self._first, 2 * (end - 1) + self._first + 1))


class _Undone(Text):
    """What `original` is when some parts of it are replaced."""

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

    def origin(self, span: Span) -> Span:
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
    """Tell whether a delimiter of a `level` may end what one of the level `begun` began.

    One that was there earlier does, and one that was escaped in the same way; another one belongs to what is within.
    """
    return level == begun or level // _KINDS < begun // _KINDS


def unescaped(text: Text) -> Text:
    """Return a text with everything undone that is an escape, and in UTF-8."""
    text = _in_utf8(text)
    for level in range(1, PASSES + 1):
        parts = _escapes(text.content)
        if not parts:
            break
        text = _Undone(text, level, parts)
    return _in_utf8(text)


def readings(body: bytes) -> Iterator[Text]:
    """Return what a body may be read as: unescaped, and from other ways of encoding a whole text.

    Where there is nothing to undo, the first one has the body itself as its content.
    """
    whole = Text(body)
    plain = unescaped(whole)
    yield plain
    if _is_quoted(body):
        yield unescaped(_replaced(whole, escapes.QUOTED_PRINTABLE, escapes.quoted))
    if b"\0" in body:
        for first in (0, 1):
            yield unescaped(_Half(whole, first))


def unfolded(text: Text) -> Text | None:
    """Return a text without the ends of lines inside of base64, None if there are none."""
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
    """Return a text with whatever may be base64 as what it stands for."""
    return unescaped(_replaced(text, escapes.BASE64, escapes.from_base64))


# The end of a line that goes on in the next one, where it is one of base64.
_LINE_END = re.compile(rb"\n[ \t]{0,9}(?=[\w+/=-])")
_DIGITS = re.compile(rb"[\w+/=-]{%d}" % LONG)


def _escapes(content: bytes) -> list[tuple[int, int, bytes]]:
    meanings: dict[bytes, bytes] = {}
    parts: list[tuple[int, int, bytes]] = []
    done = 0
    match = escapes.ESCAPE.match
    for _, place in escapes.SIGNS.where(content):
        if place < done or (found := match(content, place)) is None:
            continue
        escape = found[0]
        new = meanings.get(escape)
        if new is None:
            new = meanings[escape] = escapes.meaning(escape)
        if new != escape:
            done = found.end()
            parts.append((place, done, new))
    return parts


def _in_utf8(text: Text) -> Text:
    return text if is_utf8(text.content) else _replaced(text, escapes.NOT_ASCII, escapes.in_utf8)


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
    return escapes.QUOTED_SIGNS.are_in(body) and escapes.QUOTED_PRINTABLE.search(body) is not None
