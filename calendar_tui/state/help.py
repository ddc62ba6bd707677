"""The help: every command of a view, of lists and of all views."""

from collections.abc import Iterable, Iterator

from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, LIST, Command, key_name
from calendar_tui.state.lines import Document, Line, Role, Span, heading, line


def help_document(view: str) -> Document:
    """Return what can be done in a view, by key."""
    groups = ((" In this view", view), (" In every list", LIST), (" Everywhere", EVERYWHERE))
    lines: list[Line] = []
    for title, place in groups:
        commands = registry.of_place(place)
        if commands:
            lines += [heading(title), *_commands(commands), line()]
    return Document(lines)


def palette_document(commands: Iterable[Command], words: str) -> Document:
    """Return the commands whose name or title has every word."""
    wanted = words.casefold().split()
    fitting = [each for each in commands if all(word in f"{each.name} {each.title}".casefold() for word in wanted)]
    nothing = line(Span(" Nothing that can be done here has these words.", Role.MUTED))
    return Document([_command(each) for each in fitting] or [nothing])


def _commands(commands: Iterable[Command]) -> Iterator[Line]:
    return (Line(_command(each).spans) for each in commands)


def _command(command: Command) -> Line:
    keys = " ".join(key_name(key) for key in command.keys)
    return line(Span(f"   {keys:<12}", Role.KEY), command.title, key=command.name)
