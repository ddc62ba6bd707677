"""The Textual application: one model, one session and one screen, redrawn only when something changes."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from textual import events
from textual.app import App
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import WorkerFailed

from calendar_tui import themes
from calendar_tui.model import Model
from calendar_tui.picture import FrugalDriver
from calendar_tui.screens.frame import Frame
from calendar_tui.screens.overview import OverviewView
from calendar_tui.screens.view import Shell, View
from calendar_tui.session import EngineSession
from calendar_tui.terminal import TerminalCapabilities, ThemeName
from calendar_tui.typist import Typist

# Only the first view is imported at the start; the others when they are opened.


def _users(shell: Shell) -> View:
    from calendar_tui.screens.users import UsersView

    return UsersView(shell)


def _day(shell: Shell) -> View:
    from calendar_tui.screens.day import DayView

    return DayView(shell)


def _log(shell: Shell) -> View:
    from calendar_tui.screens.log import LogView

    return LogView(shell)


def _settings(shell: Shell) -> View:
    from calendar_tui.screens.settings import SettingsView

    return SettingsView(shell)


MAIN_VIEWS: Mapping[str, Callable[[Shell], View]] = MappingProxyType(
    {OverviewView.NAME: OverviewView, "users": _users, "log": _log, "settings": _settings, "day": _day}
)
"""The main views by name, in the order of their tabs; each is made once and keeps its state."""

MERGED = 0.2
"""Seconds within which changes are drawn in one go."""

MINUTE = 60.0
"""Seconds after which the screen is redrawn even if nothing has changed, to update the times."""

COUNTDOWN = 1.0
"""Seconds between two updates of a countdown."""


class CalendarApp(App[None]):
    """The application; it shows one engine. `starts_programs`: it may start others, such as a pager.

    A kiosk has an `idle` time in seconds: it ends without a key for so long, starts no programs and writes files to
    the working directory alone.
    """

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
        starts_programs: bool = True,
        idle: float | None = None,
        real_time: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if look.colour:
            os.environ.pop("NO_COLOR", None)
        else:
            os.environ["NO_COLOR"] = "1"
        super().__init__(driver_class=FrugalDriver, ansi_color=True if look.theme is ThemeName.ANSI else None)
        self.look = look
        self.starts_programs = starts_programs and idle is None
        self.writes_anywhere = idle is None
        self._idle = idle
        self._ending: Timer | None = None
        self.model = Model(real_time)
        self.session = EngineSession(self.model, find, self._changed, read_only=read_only)
        self.frame = Frame(self.model, self.session, look, MAIN_VIEWS)
        self.typist = Typist(self)
        self.crash: BaseException | None = None
        self._drawing: Timer | None = None
        self._countdown: Timer | None = None
        for theme in themes.THEMES.values():
            self.register_theme(theme)
        self.theme = themes.THEMES[look.theme].name

    def get_default_screen(self) -> Screen[None]:
        """Return the one screen."""
        return self.frame

    def on_mount(self) -> None:
        """Attach to the engine when the first picture is drawn: loading the HTTP client takes a while."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit)
        self.set_interval(MINUTE, self._draw)
        if self._idle is not None:
            self._ending = self.set_timer(self._idle, self.exit)
        self.run_worker(self.typist.run(), exclusive=True, group="typist")
        self.call_after_refresh(self._start_session)

    def _start_session(self) -> None:
        self.run_worker(self.session.run(), exclusive=True, group="session")

    async def on_event(self, event: events.Event) -> None:
        """Handle keys one after the other, each when all that the one before has caused is done."""
        if self._ending is not None and isinstance(event, events.InputEvent):
            self._ending.reset()
        if isinstance(event, events.Key) and not event.is_forwarded:
            self.typist.press(event)
        else:
            await super().on_event(event)

    async def forward(self, key: events.Key) -> None:
        """Pass a key on to the widget with the focus."""
        await super().on_event(key)

    async def answered(self) -> None:
        """Wait until what was entered in a field is dealt with."""
        await self.frame.answered()

    def next_theme(self) -> None:
        """Switch to the next theme."""
        names = [theme.name for theme in themes.THEMES.values()]
        if self.look.colour and self.look.theme is not ThemeName.ANSI:
            self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def action_help_quit(self) -> None:
        """Say in the last row what ends the program, where ^C finds nothing to copy."""
        self.frame.tell("^Q quits; the engine keeps running.")

    def draw_again(self) -> None:
        """Draw everything, whatever the terminal shows."""
        if isinstance(self._driver, FrugalDriver):
            self._driver.forget()
        self.refresh(layout=True)

    def _handle_exception(self, error: Exception) -> None:
        """End after an internal error, without the traceback of Textual, which shows the values of variables."""
        self.crash = self.crash or (error.error if isinstance(error, WorkerFailed) else error)
        super()._handle_exception(error)
        self._exit_renderables.clear()

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
        self.frame.draw()
        counts = self.model.counts_down
        if counts and self._countdown is None:
            self._countdown = self.set_interval(COUNTDOWN, self._draw)
        elif not counts and self._countdown is not None:
            self._countdown.stop()
            self._countdown = None
