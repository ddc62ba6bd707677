"""What a draft would do, before it does it: the differences, what is interrupted, and whose presence would change."""

from collections.abc import Iterator

from calendar_tui.state.lines import Document, Line, Role, Span, cut, fitted, line, wrapped
from calendar_tui.state.settings.values import shown
from engine.api.schema.preview import Preview, PreviewRow
from engine.api.schema.settings import SettingChange, SettingProblem, SettingsChanged, SettingsCheck
from engine.display import counted

LABEL = 22


def review_document(check: SettingsCheck | None, preview: Preview | None, remark: str, width: int) -> Document:
    """Return the review; `remark` is said where there is no preview."""
    if check is None:
        return Document([line(Span(f" {remark or 'Asking the engine ...'}", Role.MUTED))])
    return Document([*_check(check, width), line(), *_preview(preview, remark, width)])


def what_became_of_it(changed: SettingsChanged) -> str:
    """Return in a line what a change did."""
    if changed.trouble is not None:
        return f"Changed, but: {changed.trouble.title}. {changed.trouble.remedy}"
    parts = [
        f"{', '.join(names)}: {text}"
        for names, text in (
            (changed.live, "in force"),
            (changed.restarted, "begins anew"),
            (changed.at_next_start, "at the next start"),
        )
        if names
    ]
    return "; ".join(parts) or "Nothing has changed: those settings are in force already."


def what_going_back_did(changed: SettingsChanged) -> str:
    """Return in a line which settings are in force again."""
    keys = ", ".join(change.key for change in changed.changes)
    return f"As before: {keys}. {what_became_of_it(changed)}" if keys else what_became_of_it(changed)


def differences(changes: tuple[SettingChange, ...], width: int) -> Iterator[Line]:
    """Yield every change: what it was, and what it would be."""
    for change in changes:
        yield line(Span(cut(f" {change.key}", width), Role.TITLE))
        yield line(Span(cut(f"   - {shown(change.before)}", width), Role.MUTED))
        yield line(Span(cut(f"   + {shown(change.after)}", width), Role.NOTICE))


def problems(found: tuple[SettingProblem, ...], width: int) -> Iterator[Line]:
    """Yield what is wrong, key by key."""
    for problem in found:
        yield from wrapped(f"✗ {problem.key or 'The file'} {problem.reason}", width - 1, " ", Role.PROBLEM)
        yield from wrapped(problem.remedy, width - 1, "   ")


def _check(check: SettingsCheck, width: int) -> Iterator[Line]:
    if not check.valid:
        yield line(Span(" ✗ This cannot be applied.", Role.PROBLEM))
        yield from problems(check.problems, width)
        if check.trouble is not None:
            yield from wrapped(f"✗ {check.trouble.title}: {check.trouble.detail}", width - 1, " ", Role.PROBLEM)
            yield from wrapped(check.trouble.remedy, width - 1, "   ")
        return
    yield from differences(check.changes, width)
    yield line()
    for names, text, role in (
        (check.live, "without an interruption", Role.GOOD),
        (check.restarted, "begins anew", Role.NOTICE),
        (check.at_next_start, "only after the next start of the engine", Role.NOTICE),
    ):
        if names:
            yield from wrapped(f"{', '.join(names)}: {text}", width - 1, " ", role)


def _preview(preview: Preview | None, remark: str, width: int) -> Iterator[Line]:
    yield line(Span(" Whose presence would change until the end of the day", Role.TITLE))
    if preview is None:
        yield line(Span(f"   {remark or 'Looking at the calendars ...'}", Role.MUTED))
        return
    are = "is" if preview.unread == 1 else "are"
    unread = f", {counted(preview.unread, 'calendar')} {are} not read yet" if preview.unread else ""
    affected = f"{preview.affected:,} of {counted(preview.looked_at, 'user')}"
    counts = f"{affected}, {preview.affected_now:,} of them at once{unread}"
    yield from wrapped(counts, width - 1, "   ", Role.NOTICE if preview.affected else Role.GOOD)
    for each in preview.remarks:
        yield from wrapped(each, width - 1, "   ", Role.MUTED)
    for row in preview.users:
        yield from _row(row, width)
    rest = preview.affected - len(preview.users)
    if rest > 0:
        yield line(Span(f"   and {rest:,} more", Role.MUTED))


def _row(row: PreviewRow, width: int) -> Iterator[Line]:
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
