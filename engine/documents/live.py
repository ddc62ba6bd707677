"""Going live: whose presences are written, what the PBX shows now beside what would be written, how the PBX behaves."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import PurePath

from engine.api.schema import Shown
from engine.api.schema.learning import Learning
from engine.api.schema.live import LivePreview, LivePreviewRow, LiveState, Removal
from engine.display import counted
from engine.documents.lines import Document, Line, Role, Span, activity, cut, fitted, heading, line, wrapped
from engine.documents.problems import problem_box, step_lines
from engine.documents.tables import as_csv

LABEL = 20
HEADS = ("user", "name", "state", "in the PBX now", "note now", "chosen by hand", "would be", "note", "problem")


def live_document(state: LiveState, zone: tzinfo, width: int) -> Document:
    """Return whose presences are written, until when, and what is left."""
    return Document([part for text, role in _live_texts(state, zone) for part in wrapped(text, width, "", role)])


def _live_texts(state: LiveState, zone: tzinfo) -> Iterator[tuple[str, Role]]:
    others = counted(state.withheld, "other") if state.withheld else ""
    would = f"; {others} would show something different" if others else ""
    match state.written:
        case "nobody":
            yield (
                f"Nothing is written to the PBX (dry run); {counted(state.withheld, 'user')} would change.",
                Role.NOTICE,
            )
        case "pilots":
            live = f"{state.live:,} of {counted(state.users, 'user')}"
            yield f"{live} are written: the pilots {', '.join(state.pilots)}{would}.", Role.NOTICE
        case "everybody":
            yield f"All {counted(state.users, 'user')} are written to the PBX.", Role.GOOD
    if state.confirm_until is not None:
        until = f"{state.confirm_until.astimezone(zone):%H:%M:%S}"
        yield f"It goes back by itself at {until}. Keep it: calendar-engine config confirm", Role.NOTICE
    if state.left:
        yield f"{counted(state.left, 'presence')} of earlier, not updated any more, in the PBX.", Role.PROBLEM


def comparison_document(preview: LivePreview, width: int) -> Document:
    """Return the users with what the PBX shows now and what would be written."""
    room = (width - LABEL - 10) // 2
    counts = f"{counted(preview.looked_at, 'user')}, {preview.differ:,} differ, {preview.left:,} left as they are"
    unknown = f", {preview.unknown:,} unknown" if preview.unknown else ""
    by_hand = f", {preview.by_hand:,} with a presence set by hand" if preview.by_hand else ""
    lines = [heading(" What would change"), line(f"   {counts}{unknown}{by_hand}"), line()]
    lines.append(line(Span(f"   {'user':<{LABEL}}  {'in the PBX now':<{room}}  would be", Role.TITLE)))
    for row in preview.rows:
        lines += _row(row, room, width)
    if preview.stopped_by is not None:
        lines += [line(), *problem_box(preview.stopped_by, width)]
    return Document(lines)


def _row(row: LivePreviewRow, room: int, width: int) -> Iterator[Line]:
    would = "– left as it is" if row.state == "left" else _words(row.would_be, "? unknown")
    if row.state == "same":
        would = "the same"
    role = Role.TITLE if row.state == "differs" else Role.MUTED
    now = fitted(_words(row.now, "? unknown"), room)
    yield line(f"   {fitted(row.label, LABEL)}  ", now, "  ", Span(cut(would, room), role), key=row.guid)
    if row.by_hand is not None:
        yield line(" " * (LABEL + 5), Span(f"{fitted('set by hand', room)}  both are shown", Role.MUTED))
    if row.problem is not None:
        yield from wrapped(row.problem.title, width - 1, " " * (LABEL + 5), Role.PROBLEM)


def _words(presence: Shown | None, unknown: str) -> str:
    return unknown if presence is None else f"{activity(presence.activity).text.rstrip()} {presence.note}".rstrip()


def comparison_csv(rows: Sequence[LivePreviewRow]) -> str:
    """Return a comparison as a table for spreadsheets."""
    return as_csv(HEADS, map(_cells, rows))


def _cells(row: LivePreviewRow) -> tuple[str, ...]:
    problem, by_hand = "" if row.problem is None else row.problem.title, _words(row.by_hand, "")
    return (row.label, row.name, row.state, *_both(row.now), by_hand, *_both(row.would_be), problem)


def _both(presence: Shown | None) -> tuple[str, str]:
    return ("", "") if presence is None else (presence.activity, presence.note)


def learning_document(learning: Learning, width: int) -> Document:
    """Return every step of a presence test, and the settings that suit this PBX."""
    return Document([part for step in learning.rungs for part in step_lines(step, width)] + learned(learning, width))


def learned(learning: Learning, width: int) -> list[Line]:
    """Return the settings that suit this PBX, and what still has to be put back."""
    lines = [line()]
    if learning.proposed:
        settings = " ".join(f"{key}={value}" for key, value in learning.proposed.items())
        lines += wrapped(f"Proposed: calendar-engine config set {settings}", width, "", Role.GOOD)
    elif learning.operation.state == "done":
        lines += wrapped("No setting is proposed.", width, "", Role.MUTED)
    if learning.remains is not None:
        lines += problem_box(learning.remains, width)
    return lines


def goodbye_document(removal: Removal, width: int) -> Document:
    """Return what is left on the disk, and how to delete it."""
    lines = [heading("The PBX shows nothing of calendar-engine any more. What is left on this machine:")]
    lines += [line(f"  {PurePath(each)}") for each in removal.files]
    lines.append(line())
    lines += wrapped("To remove it for good, as root:", width)
    lines.append(line("  systemctl disable --now calendar-engine"))
    lines.append(line(f"  rm -r {' '.join(removal.files)}"))
    lines += wrapped("Then remove the package, the App object in the PBX, and the account or app in Exchange.", width)
    return Document(lines)
