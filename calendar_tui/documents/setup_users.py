"""The page of who takes part: tick lists of the PBX, and whom they take and leave out."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from calendar_tui.documents.cells import Cell, in_sight, window
from calendar_tui.documents.form_page import FormState, InputPlace, Page, marked, radio, text
from engine.api.schema.setup import SetupField, SetupPage
from engine.api.schema.setup_users import SetupSelection, SetupUser, SetupUsers, SetupUsersGroup
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, cut, fitted, heading, line

MODE, TICK = "mode=", "tick="
"""Begin the keys of the cells for a mode, and for a check mark: `tick=groups/sales`."""

MODES: Mapping[str, tuple[int, int, str]] = MappingProxyType(
    {
        "everybody": (0, 0, "Everybody"),
        "only": (1, 0, "Only those ticked"),
        "except": (1, 1, "Everybody but those ticked"),
    }
)
"""Row, column and label of each mode."""

LISTS = ("groups", "nodes", "locations", "templates")
HIDDEN = "pbx.users.hidden"

_NARROWEST = 19
"""Columns of a tick list, at least."""

_LABEL = 10
_FIRST_TICK, _BELOW_TICKS = 2, 1_000_000
"""Rows of cells: the modes are above the check marks, patterns and hidden users below them."""

_AROUND_LISTS = 12
"""Rows of the page besides the check marks."""


def patterns_key(mode: str) -> str:
    """Return the key of the patterns that belong to a mode, "" if there are none."""
    return {"only": "pbx.users.include.names", "except": "pbx.users.exclude.names"}.get(mode, "")


def lists_of(users: SetupUsers) -> list[tuple[str, tuple[SetupUsersGroup, ...]]]:
    """Return the tick lists that have anything to choose from, each with its name."""
    return [(name, rows) for name in LISTS if (rows := getattr(users, name))]


def is_ticked(selection: SetupSelection, names: str, row: SetupUsersGroup) -> bool:
    """Return whether a row of a tick list is chosen."""
    return row.name in getattr(selection, names)


def cells_of(users: SetupUsers, selection: SetupSelection) -> list[Cell]:
    """Return everything that the cursor can be at."""
    cells = [Cell(f"{MODE}{mode}", row, column) for mode, (row, column, _) in MODES.items()]
    for column, (names, rows) in enumerate(lists_of(users)):
        cells += [Cell(f"{TICK}{names}/{each.name}", row, column) for row, each in enumerate(rows, _FIRST_TICK)]
    if patterns := patterns_key(selection.mode):
        cells.append(Cell(patterns, _BELOW_TICKS, 0))
    return [*cells, Cell(HIDDEN, _BELOW_TICKS, 1)]


def users_page(page: SetupPage, selection: SetupSelection, state: FormState) -> Page:
    """Return who takes part with this selection, as it was ticked here."""
    users = page.users
    if users is None:
        return text(line(Span("… asking the PBX for its users", Role.MUTED)))
    body = _modes(selection, state)
    if selection.mode == "mixed":
        body += text(*marked("!", "The settings both include and exclude: 4 Settings shows them.", state.width))
    body += text(line()) + _lists(users, selection, state) + _last_row(page.fields, selection, state)
    return body + text(line(), *_samples(users, selection, state.width))


def _mark(name: str, state: FormState) -> Span:
    return Span("▸ ", Role.KEY) if name == state.cursor else Span("  ")


def _modes(selection: SetupSelection, state: FormState) -> Page:
    page = Page()
    for wanted in (0, 1):
        spans: list[Span] = []
        places: list[InputPlace] = []
        for mode, (row, _, label) in MODES.items():
            if row == wanted:
                name, shown = f"{MODE}{mode}", f"{radio(mode == selection.mode)} {label} "
                places.append(InputPlace(name, 0, _width(spans), columns(shown), typed=False))
                spans += [_mark(name, state), Span(shown)]
        page += Page((line(*spans),), tuple(places))
    return page


def _width(spans: Sequence[Span]) -> int:
    return sum(columns(each.text) for each in spans)


def _lists(users: SetupUsers, selection: SetupSelection, state: FormState) -> Page:
    """Return the tick lists side by side, as far as there is room, with the one of the cursor."""
    lists = lists_of(users)
    room = max(3, state.height - _AROUND_LISTS)
    at = next((place for place, (names, _) in enumerate(lists) if state.cursor.startswith(f"{TICK}{names}/")), None)
    seen = window(len(lists), max(1, state.width // _NARROWEST), at)
    if not lists:
        return Page()
    width = min(state.width // len(seen), 34)
    shown = [_list(*lists[place], selection, state, width, room) for place in seen]
    heads = (
        Span(fitted(f"  {lists[place][0].capitalize()} {len(lists[place][1])}", width), Role.TITLE) for place in seen
    )
    page = text(line(*heads))
    for row in range(max(map(len, shown))):
        spans: list[Span] = []
        places: list[InputPlace] = []
        for column, each in enumerate(shown):
            name, parts = each[row] if row < len(each) else ("", (Span(" " * width),))
            places += [InputPlace(name, 0, column * width, width, typed=False)] if name else []
            spans += parts
        page += Page((line(*spans),), tuple(places))
    return page


def _list(
    names: str, rows: Sequence[SetupUsersGroup], selection: SetupSelection, state: FormState, width: int, room: int
) -> list[tuple[str, tuple[Span, ...]]]:
    """Return the rows of a tick list that are in sight, each with its key."""
    keys = [f"{TICK}{names}/{each.name}" for each in rows]
    at = keys.index(state.cursor) if state.cursor in keys else None
    seen = window(len(rows), room if len(rows) <= room else room - 1, at)
    role = Role.MUTED if selection.mode == "everybody" else Role.PLAIN
    shown: list[tuple[str, tuple[Span, ...]]] = []
    for place in seen:
        sign = "[x]" if is_ticked(selection, names, rows[place]) else "[ ]"
        count = f"{rows[place].count:>5,}"
        name = fitted(rows[place].name, width - 2 - 4 - columns(count) - 2)
        shown.append((keys[place], (_mark(keys[place], state), Span(f"{sign} {name}{count}  ", role))))
    if seen.stop < len(rows):
        shown.append(("", (Span(fitted(f"  … {len(rows) - seen.stop} more ↓", width), Role.MUTED),)))
    elif len(seen) < len(rows):
        shown.append(("", (Span(" " * width),)))
    return shown


def _last_row(fields: Sequence[SetupField], selection: SetupSelection, state: FormState) -> Page:
    """Return the row with patterns of names, and whether hidden users take part."""
    by_key = {each.key: each for each in fields}
    spans: list[Span] = []
    places: list[InputPlace] = []
    patterns = by_key.get(patterns_key(selection.mode))
    if patterns is not None:
        room = 24 if state.width < 90 else 44
        around = Role.KEY if patterns.key == state.cursor else Role.MUTED
        entered = state.text(patterns)
        spans += [Span("  patterns ", Role.MUTED), Span("[", around)]
        places.append(InputPlace(patterns.key, 0, _width(spans), room))
        shown = Span(fitted(entered or "anna*, *.lab", room), Role.FIELD if entered else Role.HINT)
        spans += [shown, Span("]", around), Span("  ")]
    hidden = by_key.get(HIDDEN)
    if hidden is not None:
        is_set = (state.text(hidden) or hidden.placeholder) != "false"
        places.append(InputPlace(HIDDEN, 0, _width(spans), 18, typed=False))
        spans += [_mark(HIDDEN, state), Span("hidden users ", Role.MUTED), Span("[x]" if is_set else "[ ]")]
    return Page((line(*spans),), tuple(places))


def _samples(users: SetupUsers, selection: SetupSelection, width: int) -> Iterator[Line]:
    """Yield some of those who are taken and left out, and what is doubtful about that."""
    if is_nobody(selection):
        yield from marked("✗", "Nothing is ticked: nobody would take part.", width)
        return
    hint = "v shows all"
    yield line(Span(fitted("Taken", _LABEL), Role.MUTED), cut(", ".join(users.sample_taken) or "–", width - _LABEL))
    names = cut(", ".join(users.sample_left_out) or "nobody", width - _LABEL - len(hint) - 2)
    gap = " " * (width - _LABEL - columns(names) - len(hint))
    key = (Span("v", Role.KEY), Span(hint[1:], Role.MUTED))
    yield line(Span(fitted("Left out", _LABEL), Role.MUTED), names, gap, *key)
    if users.refusal:
        yield from marked("✗", users.refusal, width)
    elif users.doubt:
        yield from marked("✗", f"{users.doubt} Enter again if that is meant.", width)


def is_empty(selection: SetupSelection) -> bool:
    """Return whether nothing is ticked and no pattern is given."""
    return not any(getattr(selection, names) for names in (*LISTS, "patterns"))


def is_nobody(selection: SetupSelection) -> bool:
    """Return whether only those ticked take part, and nothing is ticked."""
    return selection.mode == "only" and is_empty(selection)


def everybody_listed(taken: Sequence[SetupUser], left_out: Sequence[SetupUser], state: FormState) -> Page:
    """Return all users, those left out first."""
    return text(*in_sight(user_lines(taken, left_out, state.width), state.cursor, state.height - 3))


def user_lines(taken: Sequence[SetupUser], left_out: Sequence[SetupUser], width: int) -> list[Line]:
    """Return a line for each user below those of their kind, with what the tick lists go by."""
    lines: list[Line] = []
    for title, users in (("Left out", left_out), ("Taken", taken)):
        lines.append(heading(f"{title} {len(users):,}"))
        lines += [_user(each, width) for each in users]
    return lines


def _user(user: SetupUser, width: int) -> Line:
    where = ", ".join(each for each in (*user.groups, user.node, user.location, user.template) if each)
    return line(f"  {fitted(user.label, 24)}  ", Span(cut(where, width - 28), Role.MUTED), key=f"user={user.guid}")
