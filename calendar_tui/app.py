"""The Textual application: one model, one session and the main screens, redrawn only when something changes."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, TypeVar

from textual import events
from textual.app import App
from textual.timer import Timer
from textual.worker import WorkerFailed

from calendar_tui import themes
from calendar_tui.commands.command import Command
from calendar_tui.model import Lost, Model, Query
from calendar_tui.screens.overview import OverviewScreen
from calendar_tui.screens.screen import BaseScreen, Navigator
from calendar_tui.session import EngineSession
from calendar_tui.terminal import TerminalCapabilities, ThemeName
from calendar_tui.widgets.inputs import FilterLine

# Only the first screen is imported at the start; the others when they are opened.


def _users(shell: Navigator) -> BaseScreen:
    from calendar_tui.screens.users import UsersScreen

    return UsersScreen(shell)


def _log(shell: Navigator) -> BaseScreen:
    from calendar_tui.screens.log import LogScreen

    return LogScreen(shell)


def _settings(shell: Navigator) -> BaseScreen:
    from calendar_tui.screens.settings import SettingsScreen

    return SettingsScreen(shell)


FIRST = OverviewScreen.NAME
MAIN_VIEWS: Mapping[str, Callable[[Navigator], BaseScreen]] = MappingProxyType(
    {FIRST: OverviewScreen, "users": _users, "log": _log, "settings": _settings}
)
"""The main screens by the name that the action `open` takes; each is made once and keeps its state."""


V = TypeVar("V", bound=BaseScreen)

MERGED = 0.2
"""Seconds within which changes are drawn in one go."""

MINUTE = 60.0
"""Seconds after which the screen is redrawn even if nothing has changed, to update the times."""

COUNTDOWN = 1.0
"""Seconds between two updates of the countdown while the engine is unreachable."""


class CalendarApp(App[None]):
    """The application; it shows one engine."""

    CSS = themes.CSS
    ENABLE_COMMAND_PALETTE = False
    TITLE = "calendar-tui"
    BINDINGS: ClassVar = []

    def __init__(
        self,
        find: Callable[[], Path],
        look: TerminalCapabilities,
        *,
        read_only: bool = False,
        real_time: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if look.colour:
            os.environ.pop("NO_COLOR", None)
        else:
            os.environ["NO_COLOR"] = "1"
        super().__init__(ansi_color=True if look.theme is ThemeName.ANSI else None)
        self.look = look
        self.model = Model(real_time)
        self.session = EngineSession(self.model, find, self._changed, read_only=read_only)
        self.crash: BaseException | None = None
        self._views: dict[str, BaseScreen] = {}
        self._drawing: Timer | None = None
        self._countdown: Timer | None = None
        for theme in themes.THEMES.values():
            self.register_theme(theme)
        self.theme = themes.THEMES[look.theme].name

    def on_mount(self) -> None:
        """Show the first screen, and attach to the engine when it is drawn: loading the HTTP client takes a while."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.leave)
        self.set_interval(MINUTE, self._draw)
        self.open_view(FIRST)
        self.call_after_refresh(self._start_session)

    def _start_session(self) -> None:
        self.run_worker(self.session.run(), exclusive=True)

    def on_key(self, event: events.Key) -> None:
        """Pass on to an opened filter the keys that arrived in the same packet as the one that opened it."""
        focused = self.focused
        if isinstance(focused, FilterLine) and not focused.has_seen(event):
            event.prevent_default()
            focused.post_message(events.Key(event.key, event.character))

    def open_view(self, name: str) -> None:
        """Open one of the main screens."""
        first = self._view(FIRST)
        while len(self.screen_stack) > 1 and self.screen is not first:
            self.pop_screen()
        if self.screen is not first:
            self.push_screen(first)
        if name != FIRST:
            self.push_screen(self._view(name))

    def open_users(self, query: Query) -> None:
        """Open the list of users that match a query."""
        from calendar_tui.screens.users import UsersScreen

        self._go_to(UsersScreen.NAME)
        self._main_view(UsersScreen).narrow(query)

    def open_user(self, guid: str) -> None:
        """Open the screen of one user."""
        from calendar_tui.screens.user import UserScreen

        self.push_screen(UserScreen(self, guid))

    def open_log(self, *conditions: str) -> None:
        """Open the debug log with the entries that match a filter."""
        from calendar_tui.screens.log import LogScreen

        self._go_to(LogScreen.NAME)
        self._main_view(LogScreen).narrow(*conditions)

    def open_help(self, about: str) -> None:
        """Show the keys of a screen."""
        from calendar_tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self, about))

    def open_palette(self, choice: Sequence[Command], carry_out: Callable[[str | None], Awaitable[None]]) -> None:
        """Open the palette with these commands, and run the one that is chosen."""
        from calendar_tui.screens.help import CommandScreen

        self.push_screen(CommandScreen(self, choice), carry_out)

    def neighbour(self, guid: str, steps: int) -> str | None:
        """Return the user some steps after a user in the list, None at its end."""
        from calendar_tui.screens.users import UsersScreen

        return self._main_view(UsersScreen).neighbour(guid, steps)

    def go_back(self) -> None:
        """Close the screen on top, except the first one."""
        if self.screen is not self._view(FIRST):
            self.pop_screen()

    def next_theme(self) -> None:
        """Switch to the next theme."""
        names = [theme.name for theme in themes.THEMES.values()]
        if self.look.colour and self.look.theme is not ThemeName.ANSI:
            self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def leave(self) -> None:
        """Quit the program."""
        self.exit()

    def _handle_exception(self, error: Exception) -> None:
        """End after an internal error, without the traceback of Textual, which shows the values of variables."""
        self.crash = self.crash or (error.error if isinstance(error, WorkerFailed) else error)
        super()._handle_exception(error)
        self._exit_renderables.clear()

    def _go_to(self, name: str) -> None:
        """Open one of the main screens; Esc goes back to the present one."""
        view = self._view(name)
        if view not in self.screen_stack:
            self.push_screen(view)
        while self.screen is not view:
            self.pop_screen()

    def _main_view(self, kind: type[V]) -> V:
        view = self._view(kind.NAME)
        assert isinstance(view, kind)  # noqa: S101 - for the type checker
        return view

    def _view(self, name: str) -> BaseScreen:
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = MAIN_VIEWS[name](self)
            self.install_screen(view, name)
        return view

    @property
    def is_up_to_date(self) -> bool:
        """Whether everything that has changed is shown."""
        return self._drawing is None

    def _changed(self) -> None:
        """Schedule a redraw; further changes until then are included."""
        if self.is_up_to_date:
            self._drawing = self.set_timer(MERGED, self._draw)

    def _draw(self) -> None:
        self._drawing = None
        if not self.screen_stack:
            return  # the program is ending
        if isinstance(self.screen, BaseScreen):
            self.screen.show()
        is_lost = isinstance(self.model.attachment, Lost)
        if is_lost and self._countdown is None:
            self._countdown = self.set_interval(COUNTDOWN, self._draw)
        elif not is_lost and self._countdown is not None:
            self._countdown.stop()
            self._countdown = None
