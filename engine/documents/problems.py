"""Problems with their remedies, and the steps of a check with their findings."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from engine.api.schema import Concern, Trouble
from engine.api.schema.checks import RungAccount
from engine.api.schema.settings import Value
from engine.display import counted
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, fitted, labelled, line, wrapped
from engine.documents.quantities import clock

PROBLEM = "problem:"
"""Prefix of line keys."""

ROOMY, TIGHT, SHORT = (13, 11), (11, 8), 70
"""The widths of the columns that say whom it concerns and since when, with the blanks before them: usually, and in less
than `SHORT` columns."""

WIDEST = 100
"""Width of the list where there is no edge."""

SEVERE = ("down", "wrong presence", "no calendar")
"""Severities of problems because of which somebody shows nothing, or what is wrong."""


def problems_heading(title: str, width: int) -> Line:
    """Return the heading of the list of problems, with its columns."""
    _, since = ROOMY if width >= SHORT else TIGHT
    gap = max(2, min(width, WIDEST) - columns(title) - since - 4)
    return line(Span(title, Role.TITLE), Span(f"{'':{gap}}whom{'since':>{since}}", Role.MUTED))


def problem_line(concern: Concern, zone: tzinfo, now: datetime, width: int) -> Line:
    """Return the line of a problem: what is wrong, whom it concerns, and since when."""
    mark, role = ("✗", Role.PROBLEM) if concern.severity in SEVERE else ("!", Role.NOTICE)
    for_whom, for_since = ROOMY if width >= SHORT else TIGHT
    room = max(10, min(width, WIDEST) - for_whom - for_since - 3)
    return line(
        Span(f" {mark} ", role),
        Span(fitted(concern.trouble.title, room), role if mark == "✗" else Role.PLAIN),
        f"{_whom(concern):>{for_whom}}",
        Span(f"{_since(concern, zone, now):>{for_since}}", Role.MUTED),
        key=f"{PROBLEM}{concern.trouble.type}",
    )


def _whom(concern: Concern) -> str:
    return counted(concern.count, "user") if concern.count else concern.link or ""


def _since(concern: Concern, zone: tzinfo, now: datetime) -> str:
    """Return since when there is a problem: the time of day, or the day if it was not today."""
    if concern.since is None:
        return ""
    local = concern.since.astimezone(zone)
    is_today = local.date() == now.astimezone(zone).date()
    return clock(concern.since, zone, now) if is_today else f"{local.day} {local:%b}"


def problem_box(trouble: Trouble, width: int, *, with_detail: bool = True) -> Iterator[Line]:
    """Yield a problem with its remedy."""
    detail = f": {trouble.detail}" if trouble.detail and with_detail else ""
    yield from wrapped(f"✗ {trouble.title}{detail}", width - 2, " ", Role.PROBLEM)
    yield from wrapped(trouble.remedy, width - 2, "   ", Role.NOTICE)


def whose_and_how_much(trouble: Trouble) -> Line:
    """Return who has to act, and how much does not work until then."""
    return line(f"   Affects {trouble.scope}; to be solved in: {FAULTS.get(trouble.fault, trouble.fault)}.")


FAULTS = {
    "settings": "the settings of calendar-engine",
    "credentials": "the user name or password in use",
    "permission": "the rights of the account in use",
    "network": "the network",
    "server": "the server at the other end",
    "peer protocol": "the program at the other end",
    "ours": "calendar-engine itself (please report it)",
}
"""The place where a problem is solved, by fault."""

INDENT = " " * 4


def step_lines(step: RungAccount, width: int) -> Iterator[Line]:
    """Yield one step: its outcome, its findings, and the remedy if it failed."""
    if step.outcome == "skipped":
        yield from labelled(f"- {step.name:<22} ", f"skipped: {step.skipped_because}", width)
        return
    mark = Span("✓", Role.GOOD) if step.outcome == "ok" else Span("✗", Role.PROBLEM)
    yield line(mark, f" {step.name:<22} {step.outcome} ({step.milliseconds:.0f} ms)")
    for found in step.evidence:
        yield from wrapped(found, width, INDENT)
    if step.trouble is not None:
        detail = f": {step.trouble.detail}" if step.trouble.detail else ""
        yield from wrapped(f"{step.trouble.title}{detail}", width, INDENT, Role.PROBLEM)
        yield from wrapped(step.remedy, width, INDENT, Role.NOTICE)
    for fix in step.fixes:
        changes = ", ".join(f"{key} = {_written(value)}" for key, value in fix.settings.items())
        yield from wrapped(
            f"The program can {fix.label}{f': {changes}' if changes else ''}", width, INDENT, Role.NOTICE
        )


def _written(value: Value) -> str:
    return "(default)" if value is None else str(value)
