"""The frame of every screen (header and footer), and the help."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, LIST, Command, key_name
from calendar_tui.commands.palette import Entry
from calendar_tui.model import Attaching, Lost, Model
from calendar_tui.terminal import SMALLEST
from engine.api.schema import Status
from engine.documents.columns import columns
from engine.documents.lines import Document, Line, Role, Span, beside, cut, fitted, heading, line, wrapped
from engine.documents.links import DESIGNED_FOR
from engine.documents.quantities import age
from engine.documents.status import dry_run_mode, modes

LONGEST_MESSAGE = 6
"""Maximum number of lines of a message."""

WIDE, WIDE_ROWS, WIDEST, WITH_QUIT = 110, 30, 150, 100
"""The least columns and rows of the wide layout; the least columns for its wider left pane, and for `q quit`."""

BADGE = 24
"""The most columns of the badge."""

NOTES = 24
"""The width of what stands at the right of what the palette finds."""


def is_wide(width: int, height: int) -> bool:
    """Return whether panes stand side by side, in frames."""
    return width >= WIDE and height >= WIDE_ROWS


TABS = {"overview": "Overview", "users": "Users", "log": "Log", "settings": "Settings", "day": "Day"}
"""The main views by name, as their tabs are called."""

SLOTS = {"overview": 13, "users": 10, "log": 7}
"""The least width of a tab, so that the others stay where they are when its count comes or goes; on a narrow
terminal the badge needs the room."""


def header(model: Model, names: Iterable[str], active: str, width: int, *, brackets: bool) -> Document:
    """Return the first row: the tabs of the main views with counts, and the most severe states as a badge."""
    parts: list[Span] = []
    for number, name in enumerate(names, 1):
        text = f"{number} {TABS[name]}{_count(model, name)}"
        begin, end = "[]" if brackets and name == active else "  "
        gap = max(0, SLOTS.get(name, 0) - columns(text)) if width >= DESIGNED_FOR else 0
        opened = f"open({name!r})"
        parts += [Span(f"{begin}{text}{end}", Role.TAB if name == active else Role.PLAIN, opened), Span(" " * gap)]
        # the blanks on either side of a tab are its own: two stand between tabs
    used = sum(columns(part.text) for part in parts)
    room = width - used - 1
    badge = _badge(model, min(room, BADGE))
    return Document([line(*parts, " " * (room - sum(columns(part.text) for part in badge)), *badge)])


def _count(model: Model, name: str) -> str:
    if name == "overview" and model.status is not None and model.status.concerns:
        return f" ✗{len(model.status.concerns)}"
    if name == "users" and model.users.rows:
        return f" {len(model.users.rows):,}"
    return " ●" if name == "log" and model.is_capturing else ""


def _badge(model: Model, room: int) -> list[Span]:
    """Return as many of the states as there is room for, the most severe first; at least that one, cut if need be."""
    worst, *others = _states(model)
    parts = [worst._replace(text=cut(worst.text, room))]
    for each in others:
        if columns("".join(part.text for part in (*parts, each))) > room:
            break
        parts.append(each)
    return parts


def _states(model: Model) -> Iterator[Span]:
    """Yield what the badge says: engine gone, dry run, trial, read only, and else the PBX and whether it is there."""
    match model.attachment:
        case Attaching():
            yield Span("· connecting", Role.MUTED)
            return
        case Lost():
            yield Span("✗ engine gone", Role.PROBLEM)
            return
    status, gap = model.status, ""
    if status is not None and status.dry_run:
        yield Span("DRY RUN", Role.BANNER)
        gap = " "
    if status is not None and status.confirm_until is not None:
        left = age((status.confirm_until - model.now).total_seconds())
        yield Span(f"{gap}trial {left}", Role.BANNER)
        if model.may_change:
            yield Span(" · K keep it", Role.NOTICE, KEEP)
    elif model.may_change:
        pbx = _pbx(status)
        yield pbx._replace(text=gap + pbx.text)
    else:
        yield Span(f"{gap}read only", Role.MUTED)


KEEP = "command('keep')"


def _pbx(status: Status | None) -> Span:
    """Return the name of the PBX with a sign of whether it is there."""
    if status is None or not status.pbx:
        return Span("✓ engine", Role.MUTED)
    link = next((each for each in status.links if each.name == "PBX"), None)
    if link is None or link.works:
        return Span(f"✓ {status.pbx}", Role.MUTED)
    return Span(f"✗ {status.pbx}", Role.PROBLEM) if link.trouble else Span(f"· {status.pbx}", Role.MUTED)


def banner(model: Model, width: int) -> Document:
    """Return the notices that concern every view, the most severe first: engine gone, held change, dry run."""
    lines = [*_lost(model, width)]
    status = model.status
    for each in modes(status, "Y confirms") if status is not None else ():
        way_out = GO_LIVE if model.may_change and status is not None and each in dry_run_mode(status) else ""
        room = width - columns(way_out)
        text = f"{fitted(f' {each}', room)}{way_out}" if columns(each) + 2 <= room else fitted(f" {each}", width)
        lines.append(line(Span(text, Role.BANNER)))
    return Document(lines)


GO_LIVE = "g goes live "
"""Stands at the right of a banner that says that nothing, or not everybody, is written."""


def _lost(model: Model, width: int) -> Iterator[Line]:
    attachment = model.attachment
    if not isinstance(attachment, Lost):
        return
    now = model.real_time()
    seconds = max(0, round((attachment.retry_at - now).total_seconds()))
    again = f"Next try in {seconds} s." if seconds else "Trying again."
    yield from wrapped(f"✗ {attachment.failure}. {again}", width - 2, " ", Role.PROBLEM)
    old = ""
    if model.current_until is not None:
        old = f"Data is {age((now - model.current_until).total_seconds())} old. "
    yield from wrapped(f"{old}{attachment.remedy}", width - 2, "   ")


def footer(
    commands: Iterable[Command], message: str, width: int, *, enter: str = "", is_first: bool = False
) -> Document:
    """Return the last row: what Enter does and the keys by use, or a message; the keys of all views at the right.

    A message that needs more room takes more rows; the keys of all views stay on the last one.
    """
    available = tuple(commands)
    right = _always(available, width, is_first=is_first)
    room = width - sum(columns(part.text) for part in right) - 1
    if message.strip():
        *rows, last = wrapped(message, width - 1, " ", Role.NOTICE, most=LONGEST_MESSAGE)
        free = room + 1 - columns(last.text)
        if free < 0:
            rows, last, free = [*rows, last], line(), room + 1
        return Document([*rows, last._replace(spans=(*last.spans, Span(" " * free), *right))])
    parts: list[Span] = [Span(" Enter", Role.KEY), Span(f" {enter} ", Role.MUTED)] if enter else []
    used = sum(columns(part.text) for part in parts)
    for command in available:
        taken = columns(command.key) + columns(command.label) + 3
        if not command.label or command.place == EVERYWHERE or (command.wide and width < WIDE) or used + taken > room:
            continue
        parts += _shown(command, command.label)
        used += taken
    return Document([line(*parts, " " * (room + 1 - used), *right)])


ALWAYS = (("back", "back"), ("palette", "more"), ("help", "help"), ("quit", "quit"))
"""The commands whose keys stand at the right of the last row, with their labels there."""


def _always(commands: Iterable[Command], width: int, *, is_first: bool) -> list[Span]:
    by_name = {command.name: command for command in commands if command.place == EVERYWHERE}
    parts: list[Span] = []
    for name, label in ALWAYS:
        if name not in by_name or (name == "back" and is_first) or (name == "quit" and width < WITH_QUIT):
            continue
        parts += _shown(by_name[name], label)
    return parts


def _shown(command: Command, label: str) -> list[Span]:
    clicked = f"command({command.name!r})"
    return [Span(f" {command.key}", Role.KEY, clicked), Span(f" {label} ", Role.MUTED, clicked)]


def too_small(width: int, height: int) -> Document:
    """Return the notice for a terminal that is too small."""
    needed = " x ".join(map(str, SMALLEST))
    text = f"This terminal is {width} x {height}. calendar-tui needs {needed}: please enlarge it. q quits."
    return Document([line(each) for each in textwrap.wrap(text, max(width, 10))])


def is_too_small(width: int, height: int) -> bool:
    """Return whether a terminal of that size is too small."""
    return width < SMALLEST[0] or height < SMALLEST[1]


def help_document(view: str, width: int) -> Document:
    """Return the commands of a view by their keys, and the signs; the key of a line is the place and name of one."""
    groups = ((" In this view", view), (" In every list", LIST), (" Everywhere", EVERYWHERE))
    lines: list[Line] = []
    for title, place in groups:
        commands = [each for each in registry.of_place(place) if each.keys]
        if commands:
            lines += [heading(title), *(each for command in commands for each in _by_key(command, width)), line()]
    return Document([*lines, heading(" Signs"), *(line("   ", *signs) for signs in SIGNS)])


SIGNS: tuple[tuple[Span, ...], ...] = (
    (
        Span("○ available  ", Role.AVAILABLE),
        Span("● busy  ", Role.BUSY),
        Span("◐ away  ", Role.AWAY),
        Span("⊘ do not disturb", Role.DND),
    ),
    (Span("✓ works  ", Role.GOOD), Span("✗ problem  ", Role.PROBLEM), Span("! warning", Role.NOTICE)),
    (Span("· waiting  … at work  ? unknown", Role.MUTED),),
)
"""The signs that stand before words, with these words."""


def _by_key(command: Command, width: int) -> Iterator[Line]:
    keys = " ".join(key_name(key) for key in command.keys)
    name = "" if command.place == LIST else f"{command.place}:{command.name}"
    first, *others = beside((Span(f"   {keys:<12}", Role.KEY),), command.title, width - 1)
    yield first._replace(key=name)
    yield from others


def palette_document(choice: Sequence[Entry], width: int) -> Document:
    """Return what the palette has found, with what it is at the right."""
    lines = [_found(each, width) for each in choice]
    return Document(lines or [line(Span(" Nothing is called that.", Role.MUTED))])


def _found(entry: Entry, width: int) -> Line:
    note = cut(entry.note, NOTES)
    room = max(10, width - 4 - NOTES - 2)
    return line("   ", fitted(entry.title, room), "  ", Span(note, Role.MUTED), key=entry.key)
