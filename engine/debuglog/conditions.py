"""Translates a filter to an SQL condition, such that SQLite finds the newest entries without sorting."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta

from engine.debuglog.filter.model import All, Any, Filter, Not, Term
from engine.debuglog.store import unpacked

FEW = 5000
"""Number of entries that are sorted quickly. If more match, scanning back in time is faster."""

Parameter = str | int | float
Sql = tuple[str, list[Parameter]]

_BODY = "EXISTS (SELECT 1 FROM body b WHERE b.id = e.id AND holds(b.content, ?))"


def looks_into_bodies(this: Filter) -> bool:
    """Return whether the filter requires unpacking bodies."""
    match this:
        case Term(field):
            return field == "body"
        case Not(inner):
            return looks_into_bodies(inner)
        case All(members) | Any(members):
            return any(looks_into_bodies(member) for member in members)


def holds(content: bytes, needle: bytes) -> bool:
    """Return whether a stored body contains `needle` (in lower case); an SQL function."""
    _, request, response = unpacked(content)
    return needle in request.lower() or needle in response.lower()


class SqlConditions:
    """Builds conditions on `exchange e`, looking up names and codes; `since` is relative to `now`."""

    def __init__(self, connection: sqlite3.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def of(self, this: Filter) -> Sql:
        """Return the condition and its parameters."""
        match this:
            case Term():
                return self._term(this)
            case Not(inner):
                sql, parameters = self.of(inner)
                return f"NOT coalesce({sql}, 0)", parameters
            case All(members):
                # Conditions that unpack bodies come last.
                return self._joined(" AND ", sorted(members, key=looks_into_bodies), "1")
            case Any(members):
                return self._joined(" OR ", members, "0")

    def _joined(self, word: str, members: "tuple[Filter, ...] | list[Filter]", nothing: str) -> Sql:
        parts = [self.of(member) for member in members]
        sql = word.join(f"({sql})" for sql, _ in parts)
        return sql or nothing, [parameter for _, parameters in parts for parameter in parameters]

    def _term(self, term: Term) -> Sql:
        value = term.value
        match term.field, value:
            case "status" | "ms" | "attempt", int():
                return f"e.{term.field} {term.comparison} ?", [value]
            case "size", int():
                return f"e.sent + e.received {term.comparison} ?", [value]
            case "since", datetime() | timedelta():
                return self._since(value)
            case "until", datetime() | timedelta():
                sql, parameters = self._since(value)
                return f"NOT ({sql})", parameters
            case "is" | "peer", _:
                return _CHOICES[str(value)], []
            case "op" | "lane", str():
                column = "operation" if term.field == "op" else "lane"
                return (f"e.{column} GLOB ?", [value]) if "*" in value else (f"e.{column} = ?", [value])
            case "body", str():
                return _BODY, [value.lower()]
            case "request", str():
                return "EXISTS (SELECT 1 FROM body b WHERE b.id = e.id AND b.request_id LIKE ?)", [f"{value}%"]
            case "user", str():
                return self._one_of("who", self._people(value)), []
            case "code", str():
                return self._one_of("outcome", self._outcomes(value, whole=True)), []
            case _:
                return self._anywhere(str(value)), [f"%{_escaped(str(value))}%"]

    def _since(self, value: datetime | timedelta) -> Sql:
        since = (self._now - value if isinstance(value, timedelta) else value).timestamp()
        # Ids ascend with time, so the first id of that time spares SQLite all rows before it.
        found = self._connection.execute("SELECT id FROM exchange WHERE at >= ? ORDER BY at, id LIMIT 1", (since,))
        first = found.fetchone()
        return ("e.id >= ? AND +e.at >= ?", [first[0], since]) if first else ("0", [])

    def _people(self, part: str) -> list[int]:
        sql = "SELECT id FROM who WHERE instr(folded, ?) > 0"
        return [number for (number,) in self._connection.execute(sql, (part.casefold(),))]

    def _outcomes(self, text: str, *, whole: bool) -> list[int]:
        pattern = (text if whole else f"*{text}*").lower()
        return [
            number
            for number, codes, failure in self._connection.execute("SELECT id, codes, failure FROM outcome")
            if any(_fits(pattern, each.lower()) for each in (*codes.split(), failure) if each)
        ]

    def _one_of(self, column: str, numbers: list[int]) -> str:
        if not numbers:
            return "0"
        if len(numbers) == 1:
            return f"e.{column} = {numbers[0]}"
        written = ", ".join(str(number) for number in numbers)
        index = "" if self._are_few(column, numbers) else "+"
        return f"{index}e.{column} IN ({written})"

    def _are_few(self, column: str, numbers: list[int]) -> bool:
        left = FEW
        for number in numbers:
            sql = f"SELECT count(*) FROM (SELECT 1 FROM exchange WHERE {column} = ? LIMIT ?)"  # noqa: S608 (a name of ours)
            left -= self._connection.execute(sql, (number, left + 1)).fetchone()[0]
            if left < 0:
                return False
        return True

    def _anywhere(self, word: str) -> str:
        people = self._one_of("who", self._people(word))
        outcomes = self._one_of("outcome", self._outcomes(word, whole=False))
        return f"({people}) OR ({outcomes}) OR e.operation LIKE ? ESCAPE '\\'"


# What is said to the PBX has no status; there, a request without an answer is an error without anything received.
_CHOICES = {
    "error": "e.error = 1",
    "ok": "e.error = 0",
    "part": "e.part = 1",
    "unanswered": "e.status IS NULL AND (e.peer = 0 OR (e.error = 1 AND e.received = 0))",
    "quiet": "e.quiet = 1",
    "exchange": "e.peer = 0",
    "pbx": "e.peer > 0 AND e.peer = 1",
}


def _fits(pattern: str, text: str) -> bool:
    """Return whether `text` matches the pattern, in which * stands for anything."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    if not text.startswith(first) or len(text) < len(first) + len(rest[-1]) or not text.endswith(rest[-1]):
        return False
    place, end = len(first), len(text) - len(rest[-1])
    for part in _without_last(rest):
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


def _without_last(parts: list[str]) -> Iterator[str]:
    yield from parts[:-1]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
