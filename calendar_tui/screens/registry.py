"""The main views. A further one is a module, its commands, and a few lines here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from calendar_tui.screens.overview import OverviewView
from calendar_tui.screens.view import Shell, View

# Only the first view is loaded before the first picture; the others when they are gone to.


def _users(shell: Shell) -> View:
    from calendar_tui.screens.users import UsersView

    return UsersView(shell)


def _log(shell: Shell) -> View:
    from calendar_tui.screens.log import LogView

    return LogView(shell)


def _settings(shell: Shell) -> View:
    from calendar_tui.screens.settings import SettingsView

    return SettingsView(shell)


FIRST = OverviewView.NAME
MAIN_VIEWS: Mapping[str, Callable[[Shell], View]] = MappingProxyType(
    {FIRST: OverviewView, "users": _users, "log": _log, "settings": _settings}
)
"""By the name that the action `open` takes; each is made once and remembers what was done in it."""
