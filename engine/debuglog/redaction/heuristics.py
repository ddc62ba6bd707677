"""Finds secrets by their form, and by the names they are given."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.debuglog.redaction import names
from engine.debuglog.redaction.markup import Markup, Tag, Tags
from engine.debuglog.redaction.multi_search import MultiSearch
from engine.debuglog.redaction.names import is_key_of_value, is_name
from engine.debuglog.redaction.spans import BLANKED, TextRange
from engine.debuglog.redaction.unescaped import Text

_TEXT_KEYS = re.compile(
    rb"subject|topic|title|display|location|preview|message|description|error|code|reason|status|text|summary|body"
    rb"|comment|surname|givenname|department|company|categor|string",
    re.IGNORECASE,
)
"""Text after one of these is spoken or written by a person, not the name of anything."""

_PERSON = re.compile(rb"(?:email)?address|emailaddress|routingtype|mailboxtype", re.IGNORECASE)
"""Beside one of these, a name is that of a person."""

_SIGN = re.compile(rb"""["'{}\[\],:]""")
_NO_VALUE = (b"true", b"false", b"null")
_KEY = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@$-"
_ELEMENT = re.compile(rb"<(?:[^\s<>/!?:]+:)?([^\s<>/!?:]+)(?:\s[^<>]*)?(?<!/)>")
_END_TAG = re.compile(rb"</[^<>]*+>")
DEEPEST = 500
"""Maximum number of open brackets; beyond it the tracking starts over."""
_FEW = 12
"""Maximum number of adjacent elements that belong together."""


def is_value(text: Text, quote: int) -> bool:
    """Return whether the string that starts at `quote` is a value, after a key that may denote names."""
    before = text.content[max(0, quote - 120) : quote].rstrip()
    if before.endswith((b"[", b",")):
        return True
    if not before.endswith(b":"):
        return False
    before = before[:-1].rstrip().rstrip(b"\"'")
    return _TEXT_KEYS.search(before[len(before.rstrip(_KEY)) :]) is None


@dataclass(slots=True)
class _Frame:
    """An open object or array."""

    is_array: bool
    values: list[TextRange] = field(default_factory=list)
    names: set[int] = field(default_factory=set)
    """The values that are names of secrets."""
    person: bool = False
    value_from: int | None = None
    key: TextRange | None = None

    def named_values(self) -> Iterator[TextRange]:
        """Yield the spans of values that belong to a name."""
        if self.is_array:
            if 0 in self.names and len(self.values) == 2:
                yield self.values[1]
        elif self.names and not self.person and len(self.values) > 1:
            # Where all of them look like names, one of them is none.
            are_names = self.names if len(self.names) < len(self.values) else ()
            yield from (value for at, value in enumerate(self.values) if at not in are_names)


def in_objects(text: Text, names: frozenset[int], quote: bytes, level: int) -> Iterator[TextRange]:
    """Yield the spans of values in JSON objects that have a value starting with one of the quotes at `names`."""
    content = text.content
    frames = [_Frame(is_array=False)]
    place = 0
    markup = Markup(text)
    while sign := _SIGN.search(content, place):
        start, place = sign.start(), sign.end()
        frame = frames[-1]
        match sign[0]:
            case b"{" | b"[":
                frame.value_from = None
                if len(frames) >= DEEPEST:
                    frames.clear()
                frames.append(_Frame(is_array=sign[0] == b"[", value_from=place if sign[0] == b"[" else None))
            case b"}" | b"]":
                _bare(frame, content, start)
                yield from frame.named_values()
                frames.pop()
                frames = frames or [_Frame(is_array=False)]
            case b",":
                _bare(frame, content, start)
                frame.value_from = place if frame.is_array else None
            case b":":
                frame.value_from = place
                if frame.key is not None and _PERSON.fullmatch(content[slice(*frame.key)]):
                    frame.person = True
            case _:
                if sign[0] != quote or text.level(start) != level:
                    continue
                end = markup.closing(start)
                is_value_only = frame.key is not None and is_key_of_value(content[slice(*frame.key)])
                _string(frame, start, end, is_name=start in names and not is_value_only)
                place = end + 1
    for frame in frames:
        yield from frame.named_values()


def _string(frame: _Frame, start: int, end: int, *, is_name: bool) -> None:
    if frame.value_from is None:
        frame.key = start + 1, end
        return
    if is_name:
        frame.names.add(len(frame.values))
    frame.values.append((start + 1, end))
    frame.value_from = None


def _bare(frame: _Frame, content: bytes, end: int) -> None:
    """Record an unquoted value up to `end`, usually a number."""
    if frame.value_from is not None:
        value = content[frame.value_from : end]
        if (bare := value.strip()) and bare not in _NO_VALUE:
            start = frame.value_from + len(value) - len(value.lstrip())
            frame.values.append((start, start + len(bare)))
        frame.value_from = None


@dataclass(frozen=True, slots=True)
class _Leaf:
    """An element that contains only text."""

    tag: bytes
    text: TextRange
    is_name: bool


def in_elements(text: Text, level: int) -> Iterator[TextRange]:
    """Yield the spans of texts in elements beside one whose text is the name of a secret."""
    content = text.content
    markup = Markup(text)
    run: list[_Leaf] = []
    place = 0
    while (opened := markup.next(b"<", place, level)) < len(content):
        place = opened + 1
        found = _ELEMENT.match(content, opened)
        if found is None and not content.startswith(b"</", opened):
            continue
        stop = markup.text_behind(found.end(), level) if found else 0
        closed = _END_TAG.match(content, stop) if found else None
        if found is None or closed is None:
            yield from _told_by_neighbours(run)
            run = []
            place = max(place, stop)
            continue
        inside = content[found.end() : stop].strip().removeprefix(b"<![CDATA[").removesuffix(b"]]>").strip()
        named = is_name(inside) and not is_key_of_value(found[1]) and _TEXT_KEYS.search(found[1]) is None
        run.append(_Leaf(found[1], (found.end(), stop), named))
        place = closed.end()
    yield from _told_by_neighbours(run)


def _told_by_neighbours(run: list[_Leaf]) -> Iterator[TextRange]:
    """Yield the adjacent elements that are values: in lists of pairs those after (or before) their name."""
    if not any(leaf.is_name for leaf in run) or any(_PERSON.fullmatch(leaf.tag) for leaf in run):
        return
    places: dict[bytes, list[int]] = {}
    for at, leaf in enumerate(run):
        places.setdefault(leaf.tag, []).append(at)
    for alike in places.values():
        for number, at in enumerate(alike):
            if run[at].is_name:
                beside = [other for other in _belonging(alike, number, run) if other != at]
                # Where all of them look like names, one of them is none.
                values = [other for other in beside if not run[other].is_name] or beside
                yield from (run[other].text for other in values)


def _belonging(alike: list[int], number: int, run: list[_Leaf]) -> range:
    """Return the elements that belong to the name with index `number` among those `alike`."""
    at = alike[number]
    if len(alike) in (1, len(run)):
        return range(len(run)) if len(run) <= _FEW else range(max(0, at - 1), min(len(run), at + 2))
    if alike[0] == 0:
        end = alike[number + 1] if number + 1 < len(alike) else len(run)
        return range(at + 1, min(end, at + _FEW))
    start = alike[number - 1] + 1 if number else 0
    return range(max(start, at - _FEW), at)


_NTLM, _SIGNED, _PRIVATE_KEY = b"tlrmtvntu", b"eyj", b"-----begin"
# In lower case. All detection starts from an occurrence of one of these, so that a body is scanned once.
_HINTS = MultiSearch((*names.SECRETS, *names.SCHEMES, _NTLM, _SIGNED, _PRIVATE_KEY))
_IN_BASE64 = MultiSearch(names.ENCODED)

_SCHEME = rb"(?:%b)" % b"|".join(names.SCHEMES)
_SEPARATOR = re.compile(rb"""["'\])]{0,3}\s{0,9}(?:=>|[:=]=?)\s{0,9}""")
_BLANK_LINE = re.compile(rb"""["']?(?:\r?\n){2}(?=[^\r\n])""")
_QUOTED_BEHIND = re.compile(rb"""\s{1,3}(?=["'])""")
_PAIR_IN_FORM = re.compile(rb"""[&;]\s?[\w.-]{1,40}=(?=[^\s&<>"';,])""")
_WITH_SCHEME = re.compile(rb"""(?:digest\s[^\r\n<]++|%b\s+[^\s"'<>,;]+)""" % _SCHEME, re.IGNORECASE)
_BEHIND_COOKIE = re.compile(rb"cookie\d?:\s?([^\r\n<]++)", re.IGNORECASE)
_BEHIND_SCHEME = re.compile(rb"\b%b(?:\s|\+){1,9}([\w+/=.~%%-]{8,})" % _SCHEME, re.IGNORECASE)
_BEFORE_NAME = re.compile(rb"\s{0,9}(?:<!\[CDATA\[)?([\w.:/$#@\[ -]{0,60})")
_DELIMITERS = (b'"', b"'", b">")
_ENDS_OF_NAMES = (b'"', b"'", b"<", b"]", b" ", b"\n", b"\r")
_NEAR = 80
# NTLM messages, signed tokens and private keys.
_SHAPES = {
    _NTLM: re.compile(rb"TlRMTVNTU[\w+/=-]{8,}"),
    _SIGNED: re.compile(rb"eyJ(?:[\w-]{8,4096}+)\.[\w.=-]*"),
    _PRIVATE_KEY: re.compile(rb"-----BEGIN[A-Z ]{1,40}PRIVATE KEY-----(?:(?!-----).){0,16384}+", re.DOTALL),
}
_BRACKETS = re.compile(rb"[\[\]{}]")
# Client secrets of Entra: three characters and a digit before it, and about forty in all.
_APPLICATION = re.compile(rb"Q~[\w.~-]{31,34}")
_IN_A_URL = re.compile(rb"""://[^\s/:@"'<>]{1,200}+:([^\s/@"'<>]{1,200}+)@""")
# Attributes that describe an element instead of containing its value.
_KEPT = re.compile(rb"(?:xsi:)?type|xmlns.*|class|style|method|rel|for|lang|charset|encoding", re.IGNORECASE)
_NO_NAME = re.compile(rb"class|style|action|method|href|src|rel|for|xmlns.*|autocomplete", re.IGNORECASE)


def may_hold_secrets(body: bytes) -> bool:
    """Return whether `secrets_by_looks` could find anything in a body without escapes, or in base64 within it."""
    lower = body.lower()
    return (
        _HINTS.are_in(lower)
        or _IN_BASE64.are_in(lower)
        or (b"~" in body and _APPLICATION.search(body) is not None)
        or (b"@" in body and _IN_A_URL.search(body) is not None)
    )


def may_hold_names_in_base64(content: bytes) -> bool:
    """Return whether any base64 in it needs to be searched."""
    return _IN_BASE64.are_in(content.lower())


def secrets_by_looks(text: Text) -> Iterator[TextRange]:
    """Yield the spans of anything that looks like a secret in an unescaped text."""
    return _Search(text).spans()


class _Search:
    """A single pass over a text; nothing is examined twice, so that no text takes long."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._content = text.content
        self._markup = Markup(text)
        self._tags = Tags(text)
        self._done = self._tag_done = self._element_done = self._identifier_done = 0
        self._in_objects: dict[tuple[bytes, int], set[int]] = {}
        self._element_levels: set[int] = set()

    def spans(self) -> Iterator[TextRange]:
        """Yield the spans of secrets."""
        content = self._content
        for start, word in _HINTS.everywhere(content.lower()):
            if word in _SHAPES or word in names.SCHEMES:
                if start >= self._done and (span := self._by_shape(word, start)):
                    self._done = span[1]
                    yield span
                continue
            tag = self._tags.around(start)
            if tag is not None and tag >= self._tag_done:
                yield from self._in_tag(tag)
            if start >= self._identifier_done:
                yield from self._by_name(word, start)
        yield from (found.span(1) for found in _IN_A_URL.finditer(content))
        yield from ((max(found.start() - 4, 0), found.end()) for found in _APPLICATION.finditer(content))
        for (quote, level), places in self._in_objects.items():
            yield from in_objects(self._text, frozenset(places), quote, level)
        for level in self._element_levels:
            yield from in_elements(self._text, level)

    def _by_shape(self, word: bytes, start: int) -> TextRange | None:
        if word in _SHAPES:
            found = _SHAPES[word].match(self._content, start)
            return found.span() if found else None
        found = _BEHIND_SCHEME.match(self._content, start)
        return found.span(1) if found else None

    def _by_name(self, word: bytes, start: int) -> Iterator[TextRange]:
        """Yield the span of the value of the name that contains `word`."""
        content = self._content
        identifier = names.IDENTIFIER.match(content, start)
        end = self._identifier_done = max(identifier.end() if identifier else 0, start + len(word))
        if names.is_about_secrets(content[start:end]):
            return
        self._note_pair(start, end)
        if start < self._done:
            return
        if word == b"cookie" and (line := _BEHIND_COOKIE.match(content, start)):
            span: TextRange | None = line.span(1)
        else:
            span = self._value_behind(end)
        if span:
            self._done = span[1]
            yield span

    def _value_behind(self, end: int) -> TextRange | None:
        content = self._content
        if separator := _SEPARATOR.match(content, end):
            return self._value(separator.end(), self._text.level(separator.end() - 1))
        if blank_line := _BLANK_LINE.match(content, end):
            start = blank_line.end()
            return start, self._markup.end_of_line(start, self._text.level(start - 1))
        if blank := _QUOTED_BEHIND.match(content, end):
            return self._value(blank.end(), 0)
        if content[end : end + 1] in (b"&", b";") and (pair := _PAIR_IN_FORM.match(content, end)):
            return self._value(pair.end(), self._text.level(end))
        return None

    def _value(self, start: int, level: int) -> TextRange | None:
        """Return the span of the value that starts at `start`, after a separator of `level`."""
        first = self._content[start : start + 1]
        if first and first in b"\"'":
            return start + 1, self._markup.closing(start)
        if self._content.startswith(BLANKED.encode(), start):
            return None
        if first and first in b"[{":
            return start + 1, self._end_of_group(start)
        if scheme := _WITH_SCHEME.match(self._content, start):
            return scheme.span()
        end = self._markup.end_of_word(start, level)
        return (start, end) if end > start else None

    def _end_of_group(self, start: int) -> int:
        """Return where the bracket is closed that opens at `start`."""
        depth = 0
        for bracket in _BRACKETS.finditer(self._content, start):
            depth += 1 if bracket[0] in b"[{" else -1
            if depth == 0:
                return bracket.start()
        return len(self._content)

    def _note_pair(self, start: int, end: int) -> None:
        """Remember to look for the value beside a name that is a whole string, or the whole text of an element."""
        content = self._content
        if content[end : end + 1] not in _ENDS_OF_NAMES:
            return
        place = max(content.rfind(sign, max(0, start - _NEAR), start) for sign in _DELIMITERS)
        before = _BEFORE_NAME.fullmatch(content, place + 1, start) if place >= 0 else None
        if before is None or not names.is_name(content[before.start(1) : end].rstrip()):
            return
        sign = content[place : place + 1]
        if sign == b">":
            self._element_levels.add(self._text.level(place))
        elif content[end : end + 1] == sign and is_value(self._text, place):
            self._in_objects.setdefault((sign, self._text.level(place)), set()).add(place)

    def _in_tag(self, place: int) -> Iterator[TextRange]:
        """Tell where secrets are in a tag that has a name in it, and in its element."""
        tag = self._markup.tag(place)
        if tag is None:
            return
        self._tag_done = tag.end
        is_secret = names.is_name(tag.name)
        named = [each for each in tag.attributes if self._is_named(each.name, each.value)]
        if is_secret or named:
            for name, (start, end) in tag.attributes:
                if start < end and not _KEPT.fullmatch(name) and not self._is_named(name, (start, end)):
                    yield start, end
        if place >= self._element_done:
            whole = is_secret or any(name.lower() != b"type" for name, _ in named)
            yield from self._text_of(tag, whole=whole)

    def _text_of(self, tag: Tag, *, whole: bool) -> Iterator[TextRange]:
        if whole:
            for span in self._markup.texts_within(tag):
                self._element_done = span[1]
                yield span
        else:
            end = self._markup.text_behind(tag.end, tag.level)
            if end > tag.end:
                yield tag.end, end
                self._element_done = end

    def _is_named(self, name: bytes, value: TextRange) -> bool:
        is_value_only = _NO_NAME.fullmatch(name) or names.is_key_of_value(name)
        return not is_value_only and names.is_name(self._content[slice(*value)])
