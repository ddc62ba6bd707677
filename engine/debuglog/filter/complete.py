"""Completion of a filter being typed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.debuglog.filter.model import CHOICES, FIELDS, Term, canonical

MOST = 20
_MOMENTS = ("5m", "15m", "1h", "8h", "1d", "7d")
_STATUSES = ("200", "401", "403", "429", ">=500", "503")


@dataclass(frozen=True, slots=True)
class Completion:
    """A replacement for the characters from `start` up to `end` (exclusive)."""

    text: str
    start: int
    end: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Values in the log to complete from, the most frequent first."""

    operations: Sequence[str] = ()
    codes: Sequence[str] = ()
    users: Sequence[str] = ()
    lanes: Sequence[str] = ()


def complete(text: str, cursor: int, known: Known) -> tuple[Completion, ...]:
    """Return completions of the word at `cursor` (characters from 0); none inside a value of another kind."""
    start = _begin(text, cursor)
    end = cursor
    while end < len(text) and not text[end].isspace() and text[end] not in "()":
        end += 1
    typed = text[start:cursor]
    field, colon, value = typed.partition(":")
    if not colon:
        found = [(f"{name}:", meaning) for name, (_, meaning) in FIELDS.items() if name.startswith(typed.lower())]
        return tuple(Completion(text, start, end, meaning) for text, meaning in found)
    part = value.strip('"').casefold()
    fitting = [each for each in _values(field.lower(), known) if part in each.casefold()]
    return tuple(Completion(_condition(field.lower(), each), start, end) for each in fitting[:MOST])


def _begin(text: str, cursor: int) -> int:
    """Return where the word at the cursor starts; blanks in quotation marks are part of it."""
    start, quoted = 0, False
    for place, character in enumerate(text[:cursor]):
        if character == '"':
            quoted = not quoted
        elif not quoted and (character.isspace() or character in "()"):
            start = place + 1
    return start


def _values(field: str, known: Known) -> Iterable[str]:
    choices: dict[str, Iterable[str]] = {
        "op": known.operations,
        "code": known.codes,
        "user": known.users,
        "lane": known.lanes,
        **CHOICES,
        "since": _MOMENTS,
        "until": _MOMENTS,
        "status": _STATUSES,
    }
    return choices.get(field, ())


def _condition(field: str, value: str) -> str:
    return f"{field}:{value}" if field == "status" else canonical(Term(field, "=", value))
