"""Commands as key bindings."""

from textual.binding import Binding, BindingType

from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, LIST


def list_bindings() -> list[BindingType]:
    """Return the keys of every list."""
    return [Binding(",".join(command.keys), command.action, command.title) for command in registry.of_place(LIST)]


def view_bindings(view: str) -> list[BindingType]:
    """Return the keys of a view; what everywhere is bound to them runs through `action_command`."""
    return [
        Binding(",".join(command.keys), f"command({command.name!r})", command.title)
        for command in (*registry.of_place(view), *registry.of_place(EVERYWHERE))
    ]
