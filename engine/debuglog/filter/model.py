"""Syntax tree of a filter, and its canonical text."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = str | int | datetime | timedelta


class ValueKind(StrEnum):
    """Type of the value of a field."""

    TEXT = "text"
    NUMBER = "number"
    SIZE = "size"
    MOMENT = "moment"
    CHOICE = "choice"


FIELDS: dict[str, tuple[ValueKind, str]] = {
    "user": (ValueKind.TEXT, "a PBX user or mailbox, by part of a name or address"),
    "op": (ValueKind.TEXT, "the operation, for instance FindItem; * stands for anything"),
    "code": (ValueKind.TEXT, "a response code, for instance ErrorServerBusy, or a failure; * stands for anything"),
    "status": (ValueKind.NUMBER, "the HTTP status: status:503, status:>=500"),
    "ms": (ValueKind.NUMBER, "the duration: ms:>2000"),
    "size": (ValueKind.SIZE, "request and response together: size:>1MB"),
    "attempt": (ValueKind.NUMBER, "the attempt on its connection: attempt:>1"),
    "since": (ValueKind.MOMENT, "not older than: since:10m, since:2026-11-22T08:00"),
    "until": (ValueKind.MOMENT, "older than: until:1h, until:2026-11-22T08:00"),
    "body": (ValueKind.TEXT, 'a text in request or response: body:"Calendar"'),
    "request": (ValueKind.TEXT, "the client-request-id, or its beginning"),
    "lane": (ValueKind.TEXT, "the connection; * stands for anything"),
    "peer": (ValueKind.CHOICE, "exchange (with Graph and Entra) or pbx"),
    "is": (ValueKind.CHOICE, "error, ok, part (of a notification stream), quiet (only a keep-alive) or unanswered"),
}
CHOICES = {"peer": ("exchange", "pbx"), "is": ("error", "ok", "part", "quiet", "unanswered")}
COMPARISONS = (">=", "<=", ">", "<", "=")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
SIZES = {"b": 1, "kb": 1000, "mb": 1000_000, "gb": 1000_000_000}
WORDS = ("and", "or", "not")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; `field` is "" for a bare word, which is searched for in user, operation and codes."""

    field: str
    comparison: str
    value: Value


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: "Filter"


@dataclass(frozen=True, slots=True)
class All:
    """Conjunction; without members it is the filter that matches everything."""

    of: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Disjunction of two or more."""

    of: tuple["Filter", ...]


Filter: TypeAlias = Term | Not | All | Any


def canonical(this: Filter) -> str:
    """Return the canonical text of a filter, which parses to the same filter."""
    match this:
        case Term(field, comparison, value):
            return (
                f"{field}:{'' if comparison == '=' else comparison}{_written(field, value)}" if field else _text(value)
            )
        case Not(inner):
            return f"not {_inside(inner)}"
        case All(members):
            return " ".join(
                _inside(member) if isinstance(member, Any | All) else canonical(member) for member in members
            )
        case Any(members):
            return " or ".join(
                f"({canonical(member)})" if isinstance(member, Any) else canonical(member) for member in members
            )


def _inside(this: Filter) -> str:
    return canonical(this) if isinstance(this, Term | Not) else f"({canonical(this)})"


def _written(field: str, value: Value) -> str:
    match value:
        case timedelta():
            return _in_units(int(value.total_seconds()), UNITS, "s")
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case int():
            return _in_units(value, SIZES, "").upper() if FIELDS[field][0] is ValueKind.SIZE else str(value)
        case str():
            return _text(value)


def _text(value: Value) -> str:
    text = str(value)
    plain = text and text.lower() not in WORDS and not any(each.isspace() or each in '()":\\<>=' for each in text)
    if plain and text.isprintable():
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _in_units(number: int, units: dict[str, int], smallest: str) -> str:
    for name, size in sorted(units.items(), key=lambda unit: -unit[1]):
        if number and size > 1 and number % size == 0:
            return f"{number // size}{name}"
    return f"{number}{smallest}"
