"""The steps of a check with their findings."""

from collections.abc import Iterator

from engine.api.schema.checks import RungAccount
from engine.documents.lines import Line, Role, Span, labelled, line, wrapped

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
