"""The preview: whose presence would change with other settings, when and why."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.api.schema.preview import Preview, PreviewRow
from engine.display import counted
from engine.documents.lines import Document, Line, Role, Span, activity, cut, fitted, heading, line, wrapped

TITLE = " Users whose presence would change today"
LABEL = 22


def preview_lines(preview: Preview | None, remark: str, width: int) -> Iterator[Line]:
    """Yield a line for each affected user; `remark` replaces a missing preview."""
    yield heading(TITLE)
    if preview is None:
        yield line(Span(f"   {remark or 'Comparing calendars ...'}", Role.MUTED))
        return
    yield from _counts(preview, width)
    for row in preview.users:
        yield from _row(row, width)
    rest = preview.affected - len(preview.users)
    if rest > 0:
        yield line(Span(f"   and {rest:,} more", Role.MUTED))


def _row(row: PreviewRow, width: int) -> Iterator[Line]:
    if row.problem is not None:
        problem = cut(f"cannot be read: {row.problem.title}", width - LABEL - 5)
        yield line(f"   {fitted(row.label, LABEL)} ", Span(problem, Role.PROBLEM), key=row.guid)
    if not row.differences:
        return
    first = row.differences[0]
    before, after = (f"{each.activity} {each.note}".strip() for each in (first.before, first.after))
    room = (width - LABEL - 8) // 2
    yield line(
        f"   {fitted(row.label, LABEL)} ",
        Span(fitted(before, room), Role.MUTED),
        " > ",
        Span(cut(after, room)),
        key=row.guid,
    )


def preview_document(preview: Preview, width: int) -> Document:
    """Return the affected users with every difference and its reason."""
    zone = ZoneInfo(preview.timezone)
    lines = [heading(TITLE), *_counts(preview, width)]
    for row in preview.users:
        lines += [line(), *_whole_row(row, zone, width)]
    return Document(lines)


def _counts(preview: Preview, width: int) -> Iterator[Line]:
    are = "is" if preview.unread == 1 else "are"
    unread = f", {counted(preview.unread, 'calendar')} {are} not read yet" if preview.unread else ""
    affected = f"{preview.affected:,} of {counted(preview.looked_at, 'user')}"
    counts = f"{affected}, {preview.affected_now:,} of them at once{unread}"
    yield from wrapped(counts, width - 1, "   ", Role.NOTICE if preview.affected else Role.GOOD)
    if preview.unreadable:
        unreadable = f"{counted(preview.unreadable, 'calendar')} of them could not be read with these settings"
        yield from wrapped(unreadable, width - 1, "   ", Role.PROBLEM)
    if preview.stopped_by is not None:
        stopped = f"No more calendars could be read: {preview.stopped_by.title}: {preview.stopped_by.detail}"
        yield from wrapped(stopped, width - 1, "   ", Role.PROBLEM)
        yield from wrapped(preview.stopped_by.remedy, width - 1, "   ", Role.MUTED)
    for each in preview.remarks:
        yield from wrapped(each, width - 1, "   ", Role.MUTED)


def _whole_row(row: PreviewRow, zone: ZoneInfo, width: int) -> Iterator[Line]:
    yield line(f"   {row.label}", key=row.guid)
    if row.problem is not None:
        reason = f"{row.problem.title}: {row.problem.detail}".removesuffix(": ")
        yield from wrapped(f"cannot be read: {reason}", width - 1, " " * 15, Role.PROBLEM)
        yield from wrapped(row.problem.remedy, width - 1, " " * 15, Role.MUTED)
    for each in row.differences:
        start, end = each.at.astimezone(zone), each.until.astimezone(zone)
        before, after = activity(each.before.activity), activity(each.after.activity)
        yield line(Span(f"   {start:%H:%M}–{end:%H:%M} ", Role.MUTED), before, f"  {each.before.note}")
        yield line(Span(f"{'> ':>15}", Role.MUTED), after, f"  {each.after.note}")
        yield from wrapped(each.why, width - 1, " " * 15, Role.MUTED)
