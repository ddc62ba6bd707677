"""The page of what would change: what the PBX shows now beside what would be written."""

from collections.abc import Iterator

from calendar_tui.documents.cells import in_sight
from calendar_tui.documents.form_page import FormState, InputPlace, Page, marked, text
from calendar_tui.documents.setup_check import failed
from engine.api.schema import Shown
from engine.api.schema.live import LivePreview, LivePreviewRow
from engine.api.schema.setup import SetupField, SetupPage
from engine.display import counted
from engine.documents.lines import Line, Role, Span, activity, fitted, line

FILTER = "filter"
"""The field that narrows the list down."""

ROW = "row="
SORTS = ("name", "now", "would_be", "state")

_USER, _NOW = 19, 18
"""Columns of the user and of the presence of now, with the gap behind them."""

_AROUND = 6


def filter_field(typed: str) -> SetupField:
    """Return the field that narrows the list down, with what stands in it."""
    words = "Only users with these words, in any column; Esc drops them"
    return SetupField(key=FILTER, label="Filter", help=words, kind="text", text=typed)


def preview_page(
    page: SetupPage, preview: LivePreview | None, sort: str, filtered: SetupField | None, state: FormState
) -> Page:
    """Return the list, in its order and as far as it is narrowed down."""
    if preview is None:
        return text(*_without_list(page, state))
    body = text(_heads(sort, state.width))
    if filtered is not None:
        body = _filter(filtered, state) + body
    rows = [each for row in preview.rows for each in _row(row, state.width)]
    room = state.height - _AROUND - (filtered is not None)
    body += text(*in_sight(rows, state.cursor, room))
    if not rows and preview.operation.state != "running":
        body += text(line(Span("  Nobody fits. Esc drops the filter, o shows all.", Role.MUTED)))
    return body + text(*_foot(preview, state.width))


def _without_list(page: SetupPage, state: FormState) -> Iterator[Line]:
    ended = failed(page)
    if ended is None:
        yield line(Span("… asking the PBX and Exchange", Role.MUTED))
    for rung in ended.rungs if ended is not None else ():
        if rung.trouble is not None:
            yield from marked("✗", f"{rung.trouble.title}: {rung.trouble.detail}", state.width)


def _filter(each: SetupField, state: FormState) -> Page:
    around = Role.KEY if each.key == state.cursor else Role.MUTED
    room = 28
    shown = (Span("/ ", Role.KEY), Span("[", around), Span(fitted(each.text, room), Role.FIELD), Span("]", around))
    return Page((line(*shown),), (InputPlace(each.key, 0, 3, room),))


def _heads(sort: str, width: int) -> Line:
    names = {"name": "user", "now": "in the PBX now", "would_be": "would be", "state": "would be (by state)"}
    shown = {key: f"{name} ▼" if key == sort else name for key, name in names.items()}
    last = shown["state"] if sort == "state" else shown["would_be"]
    heads = f"  {fitted(shown['name'], _USER)}{fitted(shown['now'], _now(width))}{last}"
    return line(Span(heads, Role.TITLE))


def _now(width: int) -> int:
    return _NOW + max(0, width - 61) // 2


def _row(row: LivePreviewRow, width: int) -> Iterator[Line]:
    now, room = _now(width), width - 2 - _USER - _now(width)
    would = Span(fitted("– left as it is", room), Role.MUTED)
    if row.state == "same":
        would = Span(fitted("the same", room), Role.MUTED)
    elif row.state == "unknown":
        would = Span(fitted("? unknown", room), Role.MUTED)
    elif row.state == "differs":
        would = Span(fitted(_words(row.would_be), room), _role(row.would_be))
    name = f"  {fitted(row.label, _USER - 1)} "
    here = Span(f"{fitted(_words(row.now), now - 1)} ", _role(row.now))
    yield line(name, here, would, key=f"{ROW}{row.guid}")
    if row.by_hand is not None:
        yield line(Span(f"{'':<{2 + _USER}}{fitted('set by hand', now)}both are shown", Role.MUTED))


def _words(presence: Shown | None) -> str:
    if presence is None:
        return "? unknown"
    sign = activity(presence.activity).text
    return f"{sign[0]} {presence.note}" if presence.note else sign.rstrip()


def _role(presence: Shown | None) -> Role:
    return activity(None if presence is None else presence.activity).role


def _foot(preview: LivePreview, width: int) -> Iterator[Line]:
    if preview.operation.state == "running":
        yield line(Span(f"… {preview.looked_at:,} of {preview.users:,} compared", Role.MUTED))
    elif preview.stopped_by is not None:
        yield from marked("✗", f"{preview.stopped_by.title}. {preview.stopped_by.remedy}", width, most=2)
    keys = (("s", "sort"), ("/", "filter"), ("w", "CSV"), ("Enter", "next"))
    told = (part for key, does in keys for part in (" ", Span(key, Role.KEY), f" {does} "))
    yield line("Nothing is written yet.", *told)


def preview_figures(preview: LivePreview, *, differing: bool) -> str:
    """Return how many users there are, how many differ, and what `o` does."""
    turns = "o all" if differing else "o only"
    return f"{counted(preview.looked_at, 'user')} · {preview.differ:,} differ   {turns}"
