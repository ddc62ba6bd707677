"""Finds values that stand beside the name of a secret: `{"name": "password", "value": …}` and its like in XML."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.core.redaction.markup import Markup
from engine.core.redaction.names import is_name
from engine.core.redaction.spans import Span
from engine.core.redaction.unescaped import Text

_TEXT_KEYS = re.compile(
    rb"subject|topic|title|display|location|preview|message|description|error|code|reason|status|text|summary|body"
    rb"|comment|surname|givenname|department|company|categor|string",
    re.IGNORECASE,
)
"""What stands behind one of these is said by somebody, and is no name of anything."""

_PERSON = re.compile(rb"(?:email)?address|emailaddress|routingtype|mailboxtype", re.IGNORECASE)
"""Where one of these is beside it, a name is one of a person."""

_SIGN = re.compile(rb"""["'{}\[\],:]""")
_NO_VALUE = (b"true", b"false", b"null")
_KEY = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@$-"
_ELEMENT = re.compile(rb"<(?:[^\s<>/!?:]+:)?([^\s<>/!?:]+)(?:\s[^<>]*)?(?<!/)>")
_END_TAG = re.compile(rb"</[^<>]*+>")
DEEPEST = 500
"""Brackets that may be open at a time; with more of them it is begun from the start."""
_FEW = 12
"""Elements side by side that belong to one thing."""


def is_value(text: Text, quote: int) -> bool:
    """Tell whether the string that begins at `quote` is a value, behind a key that may be one of names."""
    before = text.content[max(0, quote - 120) : quote].rstrip()
    if before.endswith((b"[", b",")):
        return True
    if not before.endswith(b":"):
        return False
    before = before[:-1].rstrip().rstrip(b"\"'")
    return _TEXT_KEYS.search(before[len(before.rstrip(_KEY)) :]) is None


@dataclass(slots=True)
class _Frame:
    """An object or an array that is open."""

    is_array: bool
    values: list[Span] = field(default_factory=list)
    names: set[int] = field(default_factory=set)
    """Which of the values are names of secrets."""
    person: bool = False
    value_from: int | None = None
    key: Span | None = None

    def told(self) -> Iterator[Span]:
        """Tell where values are that belong to a name."""
        if self.is_array:
            if 0 in self.names and len(self.values) == 2:
                yield self.values[1]
        elif self.names and not self.person:
            yield from (value for at, value in enumerate(self.values) if at not in self.names)


def in_objects(text: Text, names: frozenset[int], quote: bytes, level: int) -> Iterator[Span]:
    """Tell where values are in the objects of JSON that have a value which begins with one of the quotes at `names`."""
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
                yield from frame.told()
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
                _string(frame, start, end, is_name=start in names)
                place = end + 1
    for frame in frames:
        yield from frame.told()


def _string(frame: _Frame, start: int, end: int, *, is_name: bool) -> None:
    if frame.value_from is None:
        frame.key = start + 1, end
        return
    if is_name:
        frame.names.add(len(frame.values))
    frame.values.append((start + 1, end))
    frame.value_from = None


def _bare(frame: _Frame, content: bytes, end: int) -> None:
    """Take what stands without quotes until `end`: a number, mostly."""
    if frame.value_from is not None:
        value = content[frame.value_from : end]
        if (bare := value.strip()) and bare not in _NO_VALUE:
            start = frame.value_from + len(value) - len(value.lstrip())
            frame.values.append((start, start + len(bare)))
        frame.value_from = None


@dataclass(frozen=True, slots=True)
class _Leaf:
    """An element that has nothing but text in it."""

    tag: bytes
    text: Span
    is_name: bool


def in_elements(text: Text, level: int) -> Iterator[Span]:
    """Tell where texts are in elements beside one whose text is the name of a secret."""
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
        named = is_name(inside) and _TEXT_KEYS.search(found[1]) is None
        run.append(_Leaf(found[1], (found.end(), stop), named))
        place = closed.end()
    yield from _told_by_neighbours(run)


def _told_by_neighbours(run: list[_Leaf]) -> Iterator[Span]:
    """Tell which of some elements side by side are values: in lists of pairs those behind (or before) their name."""
    if not any(leaf.is_name for leaf in run) or any(_PERSON.fullmatch(leaf.tag) for leaf in run):
        return
    places: dict[bytes, list[int]] = {}
    for at, leaf in enumerate(run):
        places.setdefault(leaf.tag, []).append(at)
    for alike in places.values():
        for number, at in enumerate(alike):
            if run[at].is_name:
                yield from (run[other].text for other in _belonging(alike, number, run) if not run[other].is_name)


def _belonging(alike: list[int], number: int, run: list[_Leaf]) -> range:
    """Return which elements belong to the name that is the one with a `number` among those `alike`."""
    at = alike[number]
    if len(alike) in (1, len(run)):
        return range(len(run)) if len(run) <= _FEW else range(max(0, at - 1), min(len(run), at + 2))
    if alike[0] == 0:
        end = alike[number + 1] if number + 1 < len(alike) else len(run)
        return range(at + 1, min(end, at + _FEW))
    start = alike[number - 1] + 1 if number else 0
    return range(max(start, at - _FEW), at)
