"""Where the time of an exchange went: its phases as bars one after the other."""

from collections.abc import Sequence

from calendar_tui.state.lines import Line, Role, Span, line
from calendar_tui.state.log.figures import duration
from engine.api.schema.log import LogPhase

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
"""Columns of the name and of the duration."""


def waterfall(phases: Sequence[LogPhase], width: int) -> list[Line]:
    """Return one line for each phase; the bars together are as wide as there is room, the longest one is said why."""
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
