"""The frame of every screen (header and footer), and the help."""

import textwrap
from collections.abc import Iterable, Iterator

from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, LIST, Command, key_name
from calendar_tui.model import Attached, Attaching, Lost, Model
from calendar_tui.terminal import SMALLEST
from engine.documents.columns import columns
from engine.documents.lines import Document, Line, Role, Span, cut, fitted, heading, line, wrapped
from engine.documents.quantities import age
from engine.documents.status import modes

LONGEST_MESSAGE = 6
"""Maximum number of lines of a message."""


def header(model: Model, path: str, place: str, width: int) -> Document:
    """Return the first line of a screen: its title with its parents, the position, and the state of the engine."""
    right = _engine(model)
    room = width - columns(right.text) - 2
    title = cut(path, room)
    place = cut(place, room - columns(title) - 3)
    gap = max(1, width - columns(title) - (columns(place) + 2 if place else 0) - columns(right.text) - 1)
    parts = [Span(" " + title, Role.TITLE)] + ([Span("  " + place, Role.MUTED)] if place else [])
    return Document([line(*parts, " " * (gap - 1), right)])


def _engine(model: Model) -> Span:
    match model.attachment:
        case Attached():
            rights = "" if model.may_change else " read only"
            version = model.about.version if model.about else ""
            return Span(f"✓ engine {version}{rights} ", Role.MUTED)
        case Attaching():
            return Span("· looking for the engine ", Role.MUTED)
        case Lost():
            return Span("✗ engine gone ", Role.PROBLEM)


def banner(model: Model, width: int) -> Document:
    """Return the notices that concern every screen: dry run and held change."""
    banners = modes(model.status, "Y confirms") if model.status is not None else ()
    return Document([line(Span(fitted(f" {each}", width), Role.BANNER)) for each in banners])


def lost(model: Model, width: int) -> Document:
    """Return the notice above a screen while the engine is unreachable."""
    attachment = model.attachment
    if not isinstance(attachment, Lost):
        return Document()
    now = model.real_time()
    seconds = max(0, round((attachment.retry_at - now).total_seconds()))
    again = f"Next try in {seconds} s." if seconds else "Trying again."
    if model.current_until is not None:
        again = f"This view is {age((now - model.current_until).total_seconds())} old. {again}"
    return Document(
        [
            *wrapped(f"✗ {attachment.failure}", width - 2, " ", Role.PROBLEM),
            *wrapped(attachment.remedy, width - 2, "   "),
            line(Span(f"   {again}", Role.NOTICE)),
        ]
    )


def footer(commands: Iterable[Command], message: str, width: int) -> Document:
    """Return the footer of a screen: a message in as many lines as needed, or the most relevant keys in one line."""
    if message:
        return Document(wrapped(message, width - 1, " ", Role.NOTICE, most=LONGEST_MESSAGE))
    parts: list[Span] = []
    used = 1
    for command in commands:
        taken = columns(command.key) + columns(command.label) + 3
        if not command.label or used + taken > width:
            continue
        clicked = f"command({command.name!r})"
        parts += [Span(f" {command.key}", Role.KEY, clicked), Span(f" {command.label} ", Role.MUTED, clicked)]
        used += taken
    return Document([line(*parts)])


def too_small(width: int, height: int) -> Document:
    """Return the notice for a terminal that is too small."""
    needed = " x ".join(map(str, SMALLEST))
    text = f"This terminal is {width} x {height}. calendar-tui needs {needed}: please enlarge it. q quits."
    return Document([line(each) for each in textwrap.wrap(text, max(width, 10))])


def is_too_small(width: int, height: int) -> bool:
    """Return whether a terminal of that size is too small."""
    return width < SMALLEST[0] or height < SMALLEST[1]


def help_document(view: str) -> Document:
    """Return the commands of a screen by their keys."""
    groups = ((" In this view", view), (" In every list", LIST), (" Everywhere", EVERYWHERE))
    lines: list[Line] = []
    for title, place in groups:
        commands = registry.of_place(place)
        if commands:
            lines += [heading(title), *_commands(commands), line()]
    return Document(lines)


def palette_document(commands: Iterable[Command], words: str) -> Document:
    """Return the commands whose name or title contains every word."""
    wanted = words.casefold().split()
    fitting = [each for each in commands if all(word in f"{each.name} {each.title}".casefold() for word in wanted)]
    nothing = line(Span(" No command matches these words.", Role.MUTED))
    return Document([_command(each) for each in fitting] or [nothing])


def _commands(commands: Iterable[Command]) -> Iterator[Line]:
    return (Line(_command(each).spans) for each in commands)


def _command(command: Command) -> Line:
    keys = " ".join(key_name(key) for key in command.keys)
    return line(Span(f"   {keys:<12}", Role.KEY), command.title, key=command.name)
