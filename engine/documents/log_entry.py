"""One entry of the debug log without its bodies: result, cause, remedy, and a waterfall of its phases."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from engine.api.schema.log import Diagnosis, LogBody, LogExchange, LogHeader, LogPhase, LogRow
from engine.documents.body import DEEPEST, STEP, BodyView
from engine.documents.body_syntax import Shape, body_text, shape_of
from engine.documents.lines import UNLIMITED, Document, Line, Role, Span, cut, heading, line, typed_as_is, wrapped
from engine.documents.log_rows import outcome, row_line, whom
from engine.documents.quantities import duration, size

MEANINGS = {
    "queue": "waiting for a free connection",
    "connect": "connecting",
    "tls": "agreeing on TLS",
    "login": "logging in",
    "send": "sending the request",
    "wait": "waiting for Exchange to answer",
    "receive": "receiving the answer",
}
NAME, TIME = 9, 9
"""Width of the name and of the duration."""


def waterfall(phases: Sequence[LogPhase], width: int) -> list[Line]:
    """Return a line with a bar for each phase, and an explanation of the longest one."""
    total = sum(phase.ms for phase in phases)
    room = max(width - NAME - TIME - 2, 8)
    longest = max(phases, key=lambda phase: phase.ms, default=None)
    lines: list[Line] = []
    before = 0.0
    for phase in phases:
        start, end = (_column(edge, total, room) for edge in (before, before + phase.ms))
        before += phase.ms
        bar = "█" * (end - start) or "▏"
        role = Role.NOTICE if phase is longest else Role.BAR
        start = min(start, room - 1)
        lines.append(
            line(
                f"{phase.name:<{NAME}}",
                Span(f"{duration(phase.ms):>{TIME}}  ", role),
                " " * start,
                Span(bar[: room - start], role),
            )
        )
    if longest is not None and longest.ms > 0:
        share = f"{longest.ms / total:.0%} of {duration(total)}: {MEANINGS.get(longest.name, longest.name)}"
        lines.append(line(Span(share, Role.MUTED)))
    return lines


def _column(ms: float, total: float, room: int) -> int:
    return round(ms / total * room) if total > 0 else 0


def summary(
    exchange: LogExchange, attempts: Sequence[LogRow], width: int, zone: tzinfo, *, whole: bool = False
) -> Document:
    """Return the most important facts of an entry; the lines of other `attempts` have their ids as keys.

    The command that solves a problem is included as a `whole`, or only its beginning.
    """
    return Document(
        [
            *_facts(exchange, width, zone),
            *(each for diagnosis in exchange.diagnosis for each in diagnosis_lines(diagnosis, width, whole=whole)),
            *_times(exchange.phases, width),
            *_attempts(exchange.row, attempts, width, zone),
            *_headers(" For Exchange's own logs", exchange.server, width),
        ]
    )


def headers(exchange: LogExchange, width: int) -> Document:
    """Return the headers of both sides as sent; secrets were never captured."""
    return Document(
        [
            *_headers(" Request", exchange.request_headers, width),
            *_headers(" Response", exchange.response_headers, width),
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


def parts_line(parts: Sequence[str], shown: str) -> Line:
    """Return the names of the parts; the selected one is also in brackets."""
    spans: list[str | Span] = [" "]
    for part in parts:
        spans += [
            Span(f"[{part}]", Role.CHIP) if part == shown else Span(f" {part} ", Role.MUTED, f"open_part({part!r})"),
            " ",
        ]
    return line(*spans)


def commands_of(exchange: LogExchange) -> str:
    """Return the suggested command for an entry, empty if there is none."""
    return "\n".join(diagnosis.command for diagnosis in exchange.diagnosis if diagnosis.command)


def _facts(exchange: LogExchange, width: int, zone: tzinfo) -> Iterator[Line]:
    row = exchange.row
    result = outcome(row)
    yield line(
        " ",
        Span(row.operation, Role.TITLE),
        "  ",
        result,
        "  ",
        cut(whom(row), width - len(row.operation + result.text) - 6),
    )
    local = row.at.astimezone(zone)
    when = f"ended {local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03} after {duration(row.ms)}"
    yield from wrapped(f"{when}, attempt {row.attempt}, connection {row.lane}", width - 1, " ")
    yield line(Span(cut(f" {exchange.method} {exchange.url}", width), Role.MUTED))
    status = f"HTTP {row.status}" if row.status else "no answer"
    amounts = f"{status}, {size(row.sent)} sent, {size(row.received)} received"
    yield from wrapped(f"{amounts}, request {exchange.request_id}", width - 1, " ", Role.MUTED)
    batch, _, part = exchange.request_id.partition("/")
    if part:
        yield from wrapped(f"Part {part} of a batch, which request:{batch} finds with its other parts", width - 1, " ")
    elif row.operation == "batch":
        yield from wrapped(f"A batch, whose parts are entries of their own: request:{batch} finds them", width - 1, " ")
    if row.decision:
        yield line(" The engine: ", Span(row.decision, Role.NOTICE))


def diagnosis_lines(diagnosis: Diagnosis, width: int, *, whole: bool) -> Iterator[Line]:
    """Yield the diagnosis and the remedy."""
    yield line()
    yield from wrapped(f"✗ {diagnosis.code}: {diagnosis.meaning}", width - 1, " ", Role.PROBLEM)
    for name, text in (("Cause", diagnosis.cause), ("Remedy", diagnosis.remedy), ("The engine", diagnosis.reaction)):
        if text:
            yield from wrapped(f"{name}: {text}", width - 1, "   ")
    if diagnosis.command:
        yield line(Span(f"   Command{'' if whole else ' (c copies all of it)'}:", Role.MUTED))
        yield from typed_as_is(diagnosis.command, UNLIMITED if whole else width - 1, "     ")


def _times(phases: Sequence[LogPhase], width: int) -> Iterator[Line]:
    if not phases:
        return
    yield line()
    yield heading(" Where the time went")
    for each in waterfall(phases, width - 4):
        yield Line((Span("   "), *each.spans))


def _attempts(this: LogRow, attempts: Sequence[LogRow], width: int, zone: tzinfo) -> Iterator[Line]:
    if len(attempts) < 2:
        return
    yield line()
    yield heading(" Attempts of this request")
    for row in attempts:
        shown = row_line(row, width - 1, zone, marked=row.id == this.id)
        yield Line((Span(" "), *shown.spans), shown.key)


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
