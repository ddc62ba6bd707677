"""Finds matching quotes and the extent of tags in nested texts.

A delimiter that had to be unescaped does not close one that was plain: the escaped quotes of JSON within JSON do not
end the outer string. Levels distinguish them (`engine.debuglog.redaction.unescaped`).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from engine.debuglog.redaction.spans import TextRange
from engine.debuglog.redaction.unescaped import Text, ends

_STOP = re.compile(rb"""[\s&<>"';,]""")
_LINE_STOP = re.compile(rb"[\r\n]")
_ATTRIBUTE = re.compile(rb"""[\s/]*+([^\s=<>"'/]++)\s*+(?:=\s*+(?:(["'])|([^\s<>"']++))?)?""")
_BRACKET = re.compile(rb"[<>]")
_TAG_END = re.compile(rb"""[\s/"']*+>""")
_TAG_NAME = re.compile(rb"""<([^\s<>/="'!?]++)""")


class Attribute(NamedTuple):
    """An attribute and the span of its value."""

    name: bytes
    value: TextRange


class Tag(NamedTuple):
    """An opening tag that ends at `end`. `level` is that of its bracket."""

    name: bytes
    attributes: tuple[Attribute, ...]
    end: int
    level: int


class Markup:
    """Finds the ends of quoted strings, tags and elements in a text."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._content = text.content
        self._without_end: set[bytes] = set()

    def closing(self, quote: int) -> int:
        """Return the position of the quote that closes the one at `quote`; a truncated string ends with the text."""
        return self.next(self._content[quote : quote + 1], quote + 1, self._text.level(quote))

    def next(self, sign: bytes, place: int, level: int) -> int:
        """Return the position of the next `sign` that is not escaped relative to `level`."""
        while (place := self._content.find(sign, place)) >= 0:
            if ends(self._text.level(place), level):
                return place
            place += 1
        return len(self._content)

    def end_of_word(self, place: int, level: int) -> int:
        """Return the end of an unquoted value."""
        return self._end(_STOP, place, level)

    def end_of_line(self, place: int, level: int) -> int:
        """Return the end of a line."""
        return self._end(_LINE_STOP, place, level)

    def _end(self, stops: "re.Pattern[bytes]", place: int, level: int) -> int:
        while stop := stops.search(self._content, place):
            if ends(self._text.level(stop.start()), level):
                return stop.start()
            place = stop.end()
        return len(self._content)

    def tag(self, place: int) -> Tag | None:
        """Return the tag that starts at `place`."""
        found = _TAG_NAME.match(self._content, place)
        if found is None:
            return None
        level = self._text.level(place)
        attributes: list[Attribute] = []
        at = found.end()
        while attribute := _ATTRIBUTE.match(self._content, at):
            at = attribute.end()
            if attribute[2]:
                end = self.closing(at - 1)
                attributes.append(Attribute(attribute[1], (at, end)))
                at = end + 1
            elif attribute[3]:
                attributes.append(Attribute(attribute[1], attribute.span(3)))
        bracket = _TAG_END.match(self._content, at)
        return Tag(found[1], tuple(attributes), min(bracket.end() if bracket else at, len(self._content)), level)

    def text_behind(self, tag_end: int, level: int) -> int:
        """Return the end of the text that starts at `tag_end`: at the next tag, but not at CDATA."""
        place = tag_end
        while (place := self.next(b"<", place, level)) < len(self._content):
            if not self._content.startswith(b"<![CDATA[", place):
                return place
            place = self._content.find(b"]]>", place)
            if place < 0:
                break
        return len(self._content)

    def texts_within(self, tag: Tag) -> Iterator[TextRange]:
        """Yield the spans of all texts within an element; of an unclosed one only the first."""
        end = self._end_of_element(tag)
        place = tag.end
        while True:
            stop = self.text_behind(place, tag.level)
            if self._content[place:stop].strip():
                yield place, stop
            if stop >= end:
                return
            place = self._content.find(b">", stop) + 1 or end

    def _end_of_element(self, tag: Tag) -> int:
        if tag.name in self._without_end:
            return tag.end
        found = self._content.find(b"</" + tag.name, tag.end)
        if found < 0:
            self._without_end.add(tag.name)
        return max(found, tag.end)


class Tags:
    """Finds the tag around a position. Positions must be queried in ascending order: the text is scanned once."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._place = 0
        self._open: dict[int, int] = {}

    def around(self, place: int) -> int | None:
        """Return the start of the outermost tag around `place`, None outside of any."""
        for bracket in _BRACKET.finditer(self._text.content, self._place, place):
            at = bracket.start()
            level = self._text.level(at)
            self._open = {other: opened for other, opened in self._open.items() if not ends(level, other)}
            if bracket[0] == b"<":
                self._open[level] = at
        self._place = max(self._place, place)
        return min(self._open.values(), default=None)
