"""What is said under a filter while it is typed: where it stops making sense, and what might be meant."""

from calendar_tui.state.lines import Document, Role, Span, cut, line
from engine.api.schema.log import FilterAnswer

MARGIN = 1
"""Columns before the first character that is typed."""

OFFERED = 6


def mistake_document(answer: FilterAnswer | None, width: int) -> Document:
    """Return the mistake, pointed at; and what might come next."""
    if answer is None:
        return Document()
    lines = []
    if answer.mistake is not None:
        before = min(answer.mistake.column - 1 + MARGIN, width // 2)
        said = f"▲ column {answer.mistake.column}: {answer.mistake.detail}"
        lines.append(line(" " * before, Span(cut(said, width - before), Role.PROBLEM)))
        lines.append(line(Span(cut(f" {answer.mistake.hint}", width), Role.NOTICE)))
    offered = "   ".join(f"{each.text} {each.detail}".strip() for each in answer.completions[:OFFERED])
    if offered:
        lines.append(line(Span(cut(f" Tab: {offered}", width), Role.MUTED)))
    return Document(lines)
