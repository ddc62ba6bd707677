"""Two entries of the debug log side by side: what differs in their facts, headers and bodies."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import islice

from engine.api.schema.log import LogExchange, LogHeader
from engine.documents.body_syntax import cutter_of, shape_of
from engine.documents.columns import printable
from engine.documents.lines import Document, Line, Role, Span, cut, heading, line
from engine.documents.log_rows import operation, outcome, whom
from engine.documents.quantities import duration, size

MOST_LINES = 2000
"""Lines of each body that are compared: more would take long."""

CONTEXT = 2
"""Equal lines shown around a difference."""

_ROLES = {"-": Role.PROBLEM, "+": Role.GOOD, " ": Role.MUTED}


@dataclass(frozen=True, slots=True)
class Compared:
    """An entry with its bodies as texts."""

    exchange: LogExchange
    request: str
    response: str


def comparison(first: Compared, second: Compared, zone: tzinfo, width: int) -> Document:
    """Return what differs: lines of the first entry begin with -, those of the second with +."""
    lines = list(_facts(first.exchange, second.exchange, zone, width))
    for name, here, there in (
        ("Request", first.request, second.request),
        ("Reply", first.response, second.response),
        ("Headers", _headers(first.exchange), _headers(second.exchange)),
    ):
        lines += _texts(name, here, there, width)
    return Document(lines)


def _facts(first: LogExchange, second: LogExchange, zone: tzinfo, width: int) -> Iterator[Line]:
    for sign, this in (("-", first), ("+", second)):
        row = this.row
        said = f"{operation(row)}  {outcome(row).text}  {duration(row.ms)}  {size(row.received)}  {whom(row)}"
        text = f" {sign} {row.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {said}"
        yield line(Span(cut(text, width), _ROLES[sign]))


def _texts(name: str, first: str, second: str, width: int) -> Iterator[Line]:
    here, there = _pieces(first), _pieces(second)
    yield line()
    if here == there:
        yield line(Span(f" {name}", Role.TITLE), Span("   equal" if here else "   none", Role.MUTED))
        return
    yield heading(f" {name}")
    if max(len(here), len(there)) > MOST_LINES:
        yield line(Span(f" Only the first {MOST_LINES:,} lines are compared.", Role.NOTICE))
    for part in _differences(here[:MOST_LINES], there[:MOST_LINES]):
        if part.startswith("@@"):
            yield line(Span(" …", Role.MUTED))
        else:
            yield from _broken(part, width)


def _broken(part: str, width: int) -> Iterator[Line]:
    """Yield a line of a difference, broken wherever it does not fit."""
    role, text = _ROLES.get(part[:1], Role.MUTED), printable(part[1:])
    sign, room = part[:1], max(width - 4, 20)
    for start in range(0, max(len(text), 1), room):
        yield line(Span(f" {sign if start == 0 else ' '} {text[start : start + room]}", role))


def _differences(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a unified difference without its head."""
    found = difflib.unified_diff(first, second, n=CONTEXT, lineterm="")
    yield from (each for number, each in enumerate(found) if number > 1)


def _pieces(text: str) -> list[str]:
    """Return the first lines of a body as it is read, one more than are compared."""
    pieces = islice(cutter_of(shape_of(text))(text), MOST_LINES + 1)
    return [text[piece.start : piece.end].strip() for piece in pieces]


def _headers(exchange: LogExchange) -> str:
    def written(headers: Sequence[LogHeader]) -> str:
        return "".join(f"{each.name}: {each.value}\n" for each in headers)

    return f"{exchange.method} {exchange.url}\n{written(exchange.request_headers)}{written(exchange.response_headers)}"
