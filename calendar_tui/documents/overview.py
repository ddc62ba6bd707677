"""The overview: the state of both connections, the number of users, problems with remedies, recent changes."""

from collections.abc import Iterator

from calendar_tui.model import Model, sparkline
from engine.display import counted
from engine.documents.lines import Document, Line, Role, Span, heading, line
from engine.documents.problems import problem_box, whose_and_how_much
from engine.documents.status import change_line, counts, links, problems

LEAST_CHANGES = 4
WIDE, DESIGNED_FOR = 100, 80
"""Number of changes always shown, and the minimum width for more bars."""


def overview(model: Model, width: int, height: int) -> Document:
    """Return the overview for a number of columns and rows."""
    status = model.status
    if status is None:
        return Document([line(), line(Span("  Nothing is known yet.", Role.MUTED))])
    lines = [
        *links(status, model.zone, width),
        line(),
        *counts(status, model.zone, width),
        _last_hour(model, width),
        line(),
    ]
    lines += [*problems(status, width), line()]
    room = max(LEAST_CHANGES, height - len(lines) - 1)
    return Document([*lines, *_last_changes(model, room, width)])


def _last_hour(model: Model, width: int) -> Line:
    parts: list[str | Span] = [Span(" Last hour ", Role.TITLE)]
    for what, numbers, role in (
        ("change", model.last_hour.changes(model.now), Role.BAR),
        ("error", model.last_hour.errors(model.now), Role.PROBLEM),
    ):
        bars = sparkline(numbers, 30 if width >= WIDE else 20 if width >= DESIGNED_FOR else 12)
        number, _, word = counted(sum(numbers), what).partition(" ")
        parts += [Span(f"  {number}", Role.TITLE), Span(f" {word} ", Role.MUTED), Span(bars, role)]
    return line(*parts)


def _last_changes(model: Model, room: int, width: int) -> Iterator[Line]:
    yield heading(" Last changes")
    if not model.changes:
        yield line(Span("   none yet", Role.MUTED))
    for change in list(model.changes)[:room]:
        yield change_line(change, model.zone, width)


def problem_document(model: Model, slug: str, width: int) -> Document:
    """Return everything about the problem with that name."""
    status, concern = model.status, model.concern(slug)
    if concern is None:
        return Document([line(), line(Span(" ✓ This problem is solved.", Role.GOOD))])
    lines = [line(), *problem_box(concern.trouble, width), line(), whose_and_how_much(concern.trouble)]
    for link in status.links if status else ():
        if link.name == concern.link:
            since = f" since {link.since.astimezone(model.zone):%d %b %H:%M}" if link.since else ""
            waits = f", next try at {link.retry_at.astimezone(model.zone):%H:%M:%S}" if link.retry_at else ""
            lines.append(line(f"   {link.name} {'works' if link.works else 'does not work'}{since}{waits}."))
    return Document(lines)
