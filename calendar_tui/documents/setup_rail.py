"""The steps of the set-up at the left of its screen."""

from collections.abc import Iterator, Sequence

from engine.api.schema.setup import SetupSummary
from engine.documents.lines import Document, Line, Role, Span, cut, line

WIDTH = 18
"""Columns of the rail."""

MARKS = {"done": Span("✓", Role.GOOD), "failed": Span("✗", Role.PROBLEM)}


def rail(steps: Sequence[SetupSummary], here: str) -> Document:
    """Return the steps with their states; `here` is the step on the screen."""
    return Document([line(), *_steps(steps, here)])


def _steps(steps: Sequence[SetupSummary], here: str) -> Iterator[Line]:
    for number, step in enumerate(steps, 1):
        is_here = step.name == here
        mark = MARKS.get(step.state, Span(" "))
        cursor = Span("▸", Role.KEY) if is_here else Span(" ")
        title = cut(step.title, WIDTH - 7)
        yield line(cursor, mark, f"{number} ", Span(title, Role.TITLE if is_here else Role.PLAIN), key=step.name)
