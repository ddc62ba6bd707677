"""Parses a filter, or reports the column of the first error."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from engine.core.errors import Failure, Fault, Scope
from engine.debuglog.filter.model import (
    CHOICES,
    COMPARISONS,
    FIELDS,
    SIZES,
    UNITS,
    All,
    Any,
    Filter,
    Not,
    Term,
    Value,
    ValueKind,
    canonical,
)

DEEPEST = 50
"""Maximum nesting of brackets."""

LARGEST = 2**53
LONGEST = timedelta(days=36500)

_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])|(?P<field>[A-Za-z]+):(?P<comparison>>=|<=|>|<|=)?(?P<value>"(?:[^"\\]|\\.)*"?|[^\s()"]*)"""
    r"""|(?P<quoted>"(?:[^"\\]|\\.)*"?)|(?P<word>[^\s()"]+))""",
    re.DOTALL,
)
_DURATION = re.compile(r"(\d{1,12})(s|m|h|d|w)", re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,16})(b|kb|mb|gb)?", re.IGNORECASE)


class FilterNotUnderstood(Failure):
    """A filter has an error at `column`, counted from 1. `hint` says how to correct it."""

    fault = Fault.SETTINGS
    scope = Scope.USER
    meaning = "The filter is invalid"
    remedy = 'For instance: user:alice op:FindItem code:ErrorServerBusy status:>=500 since:10m not body:"text"'

    def __init__(self, column: int, reason: str, hint: str = "") -> None:
        super().__init__(f"column {column}: {reason}")
        self.column = column
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Chip:
    """One of the conditions joined by and, and its position (characters from 0)."""

    text: str
    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    term: Term | None = None


def parse(text: str) -> Filter:
    """Parse `text` as a filter. Raises `FilterNotUnderstood`."""
    return _Parser(text).whole()


def chips(text: str) -> tuple[Chip, ...]:
    """Return the conditions in `text` joined by and; only one if they are joined by or."""
    parser = _Parser(text)
    parser.whole()
    return tuple(
        Chip(canonical(each), each.field if isinstance(each, Term) else "", start, end)
        for each, start, end in parser.members
    )


class _Parser:
    """Recursive descent parser: or binds least, then and (which may be omitted), then not."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._end = len(text)
        self.members: list[tuple[Filter, int, int]] = []

    def whole(self) -> Filter:
        if not self._tokens:
            return All(())
        found = self._either(0)
        rest = self._next()
        if rest is not None:
            raise FilterNotUnderstood(rest.start + 1, "this bracket has no opening bracket", "Remove it.")
        return found

    def _either(self, depth: int) -> Filter:
        begin = self._place
        members = [self._both(depth)]
        while self._takes("or"):
            members.append(self._both(depth))
        if len(members) == 1:
            return members[0]
        found = Any(tuple(_flattened(members, Any)))
        if depth == 0:
            self.members = [(found, self._tokens[begin].start, self._tokens[self._place - 1].end)]
        return found

    def _both(self, depth: int) -> Filter:
        members: list[tuple[Filter, int, int]] = []
        while True:
            begin = self._next()
            if begin is None or begin.text == ")" or begin.kind == "or":
                if members and self._tokens[self._place - 1].kind != "and":
                    break
                column = (begin.start if begin else self._end) + 1
                raise FilterNotUnderstood(column, "a condition is missing here", "Write one, for instance is:error.")
            each = self._one(depth)
            members.append((each, begin.start, self._tokens[self._place - 1].end))
            self._takes("and")
        if depth == 0:
            self.members = members
        found = list(_flattened([each for each, _, _ in members], All))
        return found[0] if len(found) == 1 else All(tuple(found))

    def _one(self, depth: int) -> Filter:
        token = self._tokens[self._place]
        if depth > DEEPEST:
            raise FilterNotUnderstood(token.start + 1, "brackets are nested too deep", "Remove some.")
        self._place += 1
        if token.term is not None:
            return token.term
        if token.kind == "not":
            following = self._next()
            if following is None or following.text == ")" or following.kind in ("and", "or"):
                raise FilterNotUnderstood(token.end + 1, "not needs a condition after it", "Write not is:error.")
            return Not(self._one(depth + 1))
        if token.text != "(":
            raise FilterNotUnderstood(token.start + 1, f"a condition is missing before {token.text}", "Write one.")
        found = self._either(depth + 1)
        closing = self._next()
        if closing is None:
            raise FilterNotUnderstood(token.start + 1, "this bracket is not closed", "Write ) at its end.")
        self._place += 1
        return found

    def _next(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _takes(self, kind: str) -> bool:
        token = self._next()
        taken = token is not None and token.kind == kind
        self._place += taken
        return taken


def _flattened(members: list[Filter], kind: type[All] | type[Any]) -> Iterator[Filter]:
    """Merge nested nodes of the same kind, which need no brackets."""
    for member in members:
        if isinstance(member, kind):
            yield from member.of
        else:
            yield member


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while match := _TOKEN.match(text, place):
        place = match.end()
        kind = match.lastgroup or ""
        if match["field"] is not None:
            yield _Token("term", match["field"], match.start("field"), place, _term(match))
        elif match["quoted"] is not None:
            value = _unquoted(match["quoted"], match.start("quoted"))
            yield _Token("term", "", match.start("quoted"), place, Term("", "=", value))
        elif match["word"] is not None:
            yield _word(match)
        else:
            yield _Token(kind, match[kind], match.start(kind), place)


def _word(match: re.Match[str]) -> _Token:
    word, start = match["word"], match.start("word")
    if word.lower() in ("and", "or", "not"):
        return _Token(word.lower(), word, start, match.end())
    if ":" in word or word.startswith(COMPARISONS):
        raise FilterNotUnderstood(start + 1, f"{word} is not a condition", _NAMES_OF_FIELDS)
    return _Token("term", word, start, match.end(), Term("", "=", word))


_NAMES_OF_FIELDS = f"The fields are {', '.join(FIELDS)}."


def _term(match: re.Match[str]) -> Term:
    field, column = match["field"].lower(), match.start("field") + 1
    if field not in FIELDS:
        near = get_close_matches(field, FIELDS, 1)
        hint = f"Did you mean {near[0]}:?" if near else _NAMES_OF_FIELDS
        raise FilterNotUnderstood(column, f"there is no field {match['field']}", hint)
    kind, meaning = FIELDS[field]
    comparison, raw, place = match["comparison"] or "=", match["value"], match.start("value")
    if match["comparison"] and kind not in (ValueKind.NUMBER, ValueKind.SIZE):
        raise FilterNotUnderstood(match.start("comparison") + 1, f"{field} cannot be compared by size", meaning)
    value = _unquoted(raw, place)
    if not value:
        raise FilterNotUnderstood(place + 1, f"{field} needs a value", meaning)
    return Term(field, comparison, _value(field, kind, value, place + 1))


def _value(field: str, kind: ValueKind, text: str, column: int) -> Value:
    match kind:
        case ValueKind.NUMBER:
            if text.isascii() and text.isdigit() and int(text[:20]) <= LARGEST:
                return int(text)
            raise FilterNotUnderstood(column, f"{field} is a number, not {text}", FIELDS[field][1])
        case ValueKind.SIZE:
            size = _SIZE.fullmatch(text)
            if size and text.isascii() and (number := int(size[1]) * SIZES[(size[2] or "b").lower()]) <= LARGEST:
                return number
            raise FilterNotUnderstood(column, f"{field} is a size, not {text}", "For instance 500, 20kB or 1MB.")
        case ValueKind.MOMENT:
            return _moment(field, text, column)
        case ValueKind.CHOICE:
            if text.lower() in CHOICES[field]:
                return text.lower()
            raise FilterNotUnderstood(column, f"unknown value {text}", f"It may be {', '.join(CHOICES[field])}.")
        case ValueKind.TEXT:
            return text


def _moment(field: str, text: str, column: int) -> datetime | timedelta:
    duration = _DURATION.fullmatch(text)
    if duration and text.isascii():
        seconds = int(duration[1]) * UNITS[duration[2].lower()]
        if seconds <= LONGEST.total_seconds():
            return timedelta(seconds=seconds)
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        hint = "For instance 10m, 2h, 1d, or an instant like 2026-11-22T08:00 (UTC)."
        raise FilterNotUnderstood(column, f"{field} is a time, not {text}", hint) from None


def _unquoted(raw: str, place: int) -> str:
    if not raw.startswith('"'):
        return raw
    if len(raw) == 1 or not raw.endswith('"') or (len(raw) - len(raw[:-1].rstrip("\\")) - 1) % 2:
        raise FilterNotUnderstood(place + 1, "this quotation mark is not closed", 'Write " at its end.')
    return re.sub(r"\\(.)", r"\1", raw[1:-1], flags=re.DOTALL)
