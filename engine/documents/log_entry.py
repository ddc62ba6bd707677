"""One entry of the debug log without its bodies: result, cause, remedy, and where the time went."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from itertools import zip_longest
from types import MappingProxyType

from engine.api.schema.log import Diagnosis, LogBody, LogExchange, LogHeader, LogPhase, LogRow
from engine.documents.body import DEEPEST, STEP, BodyView
from engine.documents.body_syntax import Shape, body_text, shape_of
from engine.documents.columns import columns
from engine.documents.lines import (
    UNLIMITED,
    Document,
    Line,
    Role,
    Span,
    cut,
    fitted,
    heading,
    line,
    typed_as_is,
    wrapped,
)
from engine.documents.log_rows import NARROW, operation, outcome, outcome_by_code, whom
from engine.documents.quantities import duration, size

PHASES = MappingProxyType({"queue": "wait", "login": "log-in", "wait": "server"})
"""What a phase is called, if not by its own name: the time for a free connection, and until the server answers."""

LONGEST_BAR = 8
HALF = 39
"""Width of the left one of two columns."""

TRY = 18
"""Width of the outcome of a try."""


def phase_lines(phases: Sequence[LogPhase], width: int) -> Iterator[Line]:
    """Yield the phases side by side, each with a bar that is as long as its share."""
    total = sum(phase.ms for phase in phases)
    longest = max(phases, key=lambda phase: phase.ms, default=None)
    spans: list[Span] = []
    used = 0
    for phase in phases:
        bar = "█" * round(phase.ms / total * LONGEST_BAR) if total else ""
        last = " ms" if phase is phases[-1] else ""
        part = (
            Span(f"{PHASES.get(phase.name, phase.name)} ", Role.MUTED),
            Span(bar or "▏", Role.NOTICE if phase is longest and total else Role.BAR),
            Span(f" {_milliseconds(phase.ms)}{last}"),
        )
        wide = sum(len(span.text) for span in part)
        if used and used + 3 + wide > width - 2:
            yield line(" ", *spans)
            spans, used = [], 0
        spans += ((Span("   "),) if used else ()) + part
        used += wide + (3 if used else 0)
    if spans:
        yield line(" ", *spans)


def _milliseconds(ms: float) -> str:
    return f"{ms:.1f}".removesuffix(".0") if ms < 9.95 else f"{ms:,.0f}"


def summary(
    exchange: LogExchange, attempts: Sequence[LogRow], width: int, zone: tzinfo, *, whole: bool = False
) -> Document:
    """Return the most important facts of an entry; the lines of other `attempts` have their ids as keys.

    The `whole` has what the path above it says otherwise, and the whole command that solves a problem.
    """
    return Document(
        [
            *_result(exchange, width, zone, whole=whole),
            *(each for diagnosis in exchange.diagnosis for each in diagnosis_lines(diagnosis, width, whole=whole)),
            line(),
            *_facts(exchange, width),
            *phase_lines(exchange.phases, width),
            *_tries_and_server(exchange, attempts, width, zone),
        ]
    )


def headers(exchange: LogExchange, width: int) -> Document:
    """Return the headers of both sides as sent; secrets were never captured."""
    return Document(
        [
            *_headers(" Request", exchange.request_headers, width),
            *_headers(" Reply", exchange.response_headers, width),
        ]
    )


def body_title(side: str, body: LogBody, shape: str, fetched: int) -> Line:
    """Return the line above a body: its true size, and how much of it was kept."""
    parts: list[str | Span] = [
        Span(f" {side}", Role.TITLE),
        Span(f"  {shape}  {size(body.size)}" if shape else "", Role.MUTED),
    ]
    if body.kept < body.size:
        parts.append(Span(f"  ✗ cut off: the first {size(body.kept)} were kept", Role.PROBLEM))
    if fetched < body.kept:
        parts.append(Span(f"  {size(fetched)} of it loaded", Role.NOTICE))
    return line(*parts)


def body_document(side: str, body: LogBody, data: bytes, *, raw: bool) -> Document:
    """Return a whole body below its title, indented or as sent; its lines are not broken."""
    text = body_text(data, body.media_type)
    shape = Shape.RAW if raw else shape_of(text)
    title = body_title(side, body, shape if text else "", len(data))
    if not text:
        return Document([line(), title, NO_BODY])
    view = BodyView(text, shape, 2 * len(text) + STEP * DEEPEST)
    while not view.complete:
        view.grow()
    return Document([line(), title, *(view.line(index, view.width) for index in range(len(view)))])


NO_BODY = line(Span(" no body", Role.MUTED))


def commands_of(exchange: LogExchange) -> str:
    """Return the suggested command for an entry, empty if there is none."""
    return "\n".join(diagnosis.command for diagnosis in exchange.diagnosis if diagnosis.command)


def _result(exchange: LogExchange, width: int, zone: tzinfo, *, whole: bool) -> Iterator[Line]:
    row = exchange.row
    if whole:
        result = outcome_by_code(row)
        yield line(" ", Span(operation(row), Role.TITLE), "  ", result, "  ", cut(whom(row), width))
        local = row.at.astimezone(zone)
        yield line(f" ended {local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03} after {duration(row.ms)}")
    elif not exchange.diagnosis:
        result = outcome(row)
        yield line(" ", result, "   ", cut(whom(row), width - columns(result.text) - 5))


def _facts(exchange: LogExchange, width: int) -> Iterator[Line]:
    row = exchange.row
    yield from wrapped(_way(exchange), width - 1, " ", Role.MUTED)
    status = () if row.peer == "pbx" else (f"HTTP {row.status}" if row.status else "no answer",)
    amounts = (f"sent {size(row.sent)}", f"received {size(row.received)}", duration(row.ms))
    attempt = (f"attempt {row.attempt}",) if row.attempt > 1 else ()
    yield from wrapped(" · ".join((*status, *amounts, *attempt, f"connection {row.lane}")), width - 1, " ")
    if exchange.request_id:
        yield from wrapped(f"request {exchange.request_id}", width - 1, " ", Role.MUTED)
    batch, _, part = exchange.request_id.partition("/")
    if part:
        yield from wrapped(f"Part {part} of a batch, which request:{batch} finds with its other parts", width - 1, " ")
    elif row.operation == "batch":
        yield from wrapped(f"A batch, whose parts are entries of their own: request:{batch} finds them", width - 1, " ")
    if row.decision:
        yield line(" The engine: ", Span(row.decision, Role.NOTICE))


def _way(exchange: LogExchange) -> str:
    if exchange.row.peer == "pbx":
        return f"{'to' if exchange.method == 'SEND' else 'from'} the PBX by {exchange.url}"
    return f"{exchange.method} {exchange.url}"


def diagnosis_lines(diagnosis: Diagnosis, width: int, *, whole: bool) -> Iterator[Line]:
    """Yield what the problem is, its cause, and what to do."""
    title, code = f" ✗ {diagnosis.meaning}", diagnosis.code
    if columns(title) + columns(code) + 3 <= min(width, 100):
        between = max(2, min(47, width - columns(code) - 1) - columns(title))
        yield line(Span(title, Role.PROBLEM), " " * between, Span(code, Role.MUTED))
    else:
        yield from wrapped(f"✗ {diagnosis.meaning}", width - 1, " ", Role.PROBLEM)
        yield from wrapped(code, width - 1, "   ", Role.MUTED)
    yield from wrapped(diagnosis.cause, width - 1, "   ")
    first, *others = wrapped(diagnosis.remedy, width - 1, "   ") or [line()]
    if diagnosis.remedy:
        yield line(" → ", first.text.removeprefix("   "))
        yield from others
    if diagnosis.command:
        rest = "" if whole else ": c copies it all, w writes a file"
        yield from typed_as_is(diagnosis.command, UNLIMITED if whole else width - 1, "     ", rest)
    if diagnosis.reaction:
        yield from wrapped(f"The engine: {diagnosis.reaction}", width - 1, "   ", Role.MUTED)


def _tries_and_server(exchange: LogExchange, attempts: Sequence[LogRow], width: int, zone: tzinfo) -> Iterator[Line]:
    tries = list(_tries(exchange.row, attempts, zone))
    if width < NARROW or width >= UNLIMITED or not tries:
        yield from _below(tries)
        yield from _below(list(_server(exchange, width)))
        return
    yield line()
    for left, right in zip_longest(tries, _server(exchange, width - HALF), fillvalue=line()):
        gap = " " * (HALF - columns(left.text))
        yield Line((*left.spans, Span(gap), *right.spans), left.key)


def _below(lines: Sequence[Line]) -> Iterator[Line]:
    if lines:
        yield line()
        yield from lines


def _tries(this: LogRow, attempts: Sequence[LogRow], zone: tzinfo) -> Iterator[Line]:
    if len(attempts) < 2:
        return
    yield heading(" Tries")
    for row in attempts:
        cell = outcome(row)
        yield line(
            Span("  *" if row.id == this.id else "   ", Role.KEY),
            Span(f"{row.at.astimezone(zone):%H:%M:%S}  ", Role.MUTED),
            Span(fitted(cell.text, TRY), cell.role),
            f"{duration(row.ms):>8}",
            key=str(row.id),
        )


def _server(exchange: LogExchange, width: int) -> Iterator[Line]:
    if not exchange.server:
        return
    yield heading(" For Exchange's own logs")
    longest = max(len(header.name) for header in exchange.server)
    for header in exchange.server:
        yield line(Span(f"  {header.name:<{longest}}  ", Role.MUTED), cut(header.value, width - longest - 5))


def _headers(title: str, sent: Sequence[LogHeader], width: int) -> Iterator[Line]:
    if not sent:
        return
    yield line()
    yield heading(title)
    for header in sent:
        first, *others = wrapped(f"{header.name}: {header.value}", width - 1, "   ") or [line()]
        name = f"   {header.name}:"
        yield line(Span(name, Role.ATTRIBUTE), first.text.removeprefix(name))
        yield from others
