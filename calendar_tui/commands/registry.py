"""All commands. A view adds its own as one more tuple here."""

from calendar_tui.commands import everywhere, log, settings, users
from calendar_tui.commands.command import EVERYWHERE, LIST, Command

ALL: tuple[Command, ...] = (*everywhere.COMMANDS, *users.COMMANDS, *log.COMMANDS, *settings.COMMANDS)


def of_place(place: str) -> tuple[Command, ...]:
    """Return what can be done in a place, without what can be done everywhere."""
    return tuple(command for command in ALL if command.place == place)


def in_view(view: str) -> tuple[Command, ...]:
    """Return what can be done in a view: its own commands first, then those of all views."""
    return (*of_place(view), *of_place(EVERYWHERE))


def named(view: str, name: str) -> Command:
    """Return the command of that name in a view. Raises `StopIteration` where there is none."""
    return next(command for command in (*in_view(view), *of_place(LIST)) if command.name == name)
