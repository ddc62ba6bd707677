"""The main views. A further one is a module, its commands, and a line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from calendar_tui.screens.log import LogView
from calendar_tui.screens.overview import OverviewView
from calendar_tui.screens.settings import SettingsView
from calendar_tui.screens.users import UsersView
from calendar_tui.screens.view import Shell, View

FIRST = OverviewView.NAME
MAIN_VIEWS: Mapping[str, Callable[[Shell], View]] = MappingProxyType(
    {view.NAME: view for view in (OverviewView, UsersView, LogView, SettingsView)}
)
"""By the name that the action `open` takes; each is made once and remembers what was done in it."""
