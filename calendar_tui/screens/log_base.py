"""The base of the screens of the debug log: loads the visible entries, and listens for new ones."""

import asyncio

from textual import events, work
from textual.timer import Timer

from calendar_tui.documents.log_filter import FilterConditions
from calendar_tui.documents.log_list import LogLines, Marks, waiting
from calendar_tui.documents.log_window import LogWindow
from calendar_tui.screens.screen import BaseScreen, Navigator
from calendar_tui.widgets.line_view import LineView, LogList
from engine.api.errors import ClientFailure
from engine.api.resources.log import LogRequests, capture_events
from engine.api.schema.log import CaptureState, LogRow

PAUSE = 2.0
"""Seconds before another attempt to listen for events."""

MERGED = 0.2
"""Seconds within which new entries are shown in one go."""


class LogBaseScreen(BaseScreen):
    """Shows a window of the log in the list `#main`, and loads what is missing."""

    def __init__(self, shell: Navigator) -> None:
        super().__init__(shell)
        self.conditions = FilterConditions()
        self.capture: CaptureState | None = None
        self.marks = Marks()
        self.window = LogWindow()
        self._lines: LogLines | None = None
        self._failure = ""
        self._aim: int | None = None
        self._wake = asyncio.Event()
        self._soon: Timer | None = None

    def on_mount(self) -> None:
        """Start loading entries."""
        super().on_mount()
        self._feed()

    def on_screen_resume(self) -> None:
        """Listen for new entries while the screen is shown."""
        super().on_screen_resume()
        self._listen()

    def on_screen_suspend(self, event: events.ScreenSuspend) -> None:
        """Stop listening while the screen is hidden."""
        self.workers.cancel_group(self, "listen")

    def refresh_content(self) -> None:
        """Show the entries in memory, and request missing ones."""
        self._pause_if_moved()
        self._show_rows(0)
        self._wake.set()

    def position(self) -> str:
        """Return the time of the selected entry, and the number of new ones."""
        row = self.row()
        when = f"{row.at.astimezone(self.model.zone):%Y-%m-%d %H:%M:%S}" if row else ""
        if self.window.following:
            return f"{when}  following"
        return f"{when}  {self.window.new:,} new" if self.window.new else f"{when}  paused"

    def apply(self, conditions: FilterConditions) -> None:
        """Filter by other conditions, staying near the selected entry if there is one."""
        row = None if self.window.following else self.row()
        self.conditions = conditions
        self.go_to(None if row is None else row.id)

    def go_to(self, id: int | None) -> None:  # noqa: A002 - as in the API
        """Show the entries around a given one, or the newest."""
        self.window = LogWindow(self.conditions.filter, id, self.window.newest)
        self._aim = id
        self._failure = ""
        self.show()

    def row(self) -> LogRow | None:
        """Return the selected entry, None if there is none."""
        key = self.log_list.cursor_key if self.is_mounted else ""
        place = self.window.position(int(key)) if key else None
        return None if place is None else self.window.rows[place]

    @property
    def api(self) -> LogRequests | None:
        """The log requests to the engine, None while it is unreachable."""
        return LogRequests(self.shell.session.api) if self.shell.session.api is not None else None

    @property
    def log_list(self) -> LogList:
        """The list widget."""
        return self.query_one("#main", LogList)

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        """Show the new position, and request missing entries."""
        self._pause_if_moved()
        super().on_line_view_moved(event)
        self._wake.set()

    def on_log_list_end(self, event: LogList.End) -> None:
        """Go to the newest entry and follow, or to the oldest."""
        self.go_to(None if event.newest else 1)

    @work(exclusive=True, group="feed")
    async def _feed(self) -> None:
        """Request missing entries whenever there may be any."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.is_there and self.is_current and self.api is not None and await self._ask(self.api):
                pass

    async def _ask(self, log: LogRequests) -> bool:
        """Send one request, and return whether more may be needed."""
        window, seen = self.window, self.log_list.seen
        question = window.wanted(seen.start, seen.stop)
        if question is None:
            return False
        try:
            page = await log.page(question)
        except ClientFailure as failure:
            self._failure = f"{failure}. {failure.remedy}"
            self.tell(self._failure)
            return window is not self.window
        if window is self.window and self.is_there:
            self._pause_if_moved()
            anchor = self.row()
            before = window.position(anchor.id) if anchor else None
            window.take(question, page)
            after = window.position(anchor.id) if anchor else None
            self._show_rows(after - before if before is not None and after is not None else 0)
            self.show_frame()
        return True

    @work(exclusive=True, group="listen")
    async def _listen(self) -> None:
        """Receive events about new entries while the screen is shown."""
        while True:
            api = self.shell.session.api
            try:
                if api is not None:
                    async for event in capture_events(api):
                        self.capture = event.capture or self.capture
                        self.window.heard(max(event.newest, event.capture.newest if event.capture else 0))
                        self._show_soon()
            except ClientFailure:
                pass  # the session shows this in every view
            await asyncio.sleep(PAUSE)

    def _show_soon(self) -> None:
        if self._soon is None:
            self._soon = self.set_timer(MERGED, self._show_now)

    def _show_now(self) -> None:
        self._soon = None
        self.show()

    def _pause_if_moved(self) -> None:
        is_shown = self._lines is not None and self._lines.window is self.window
        if is_shown and self.window.following and not self.log_list.at_end:
            self.window.pause()

    def _show_rows(self, moved: int) -> None:
        main, window = self.log_list, self.window
        if not window.rows:
            self._lines = None
            main.show(self.placeholder(waiting(window, self._failure, self.conditions)))
            return
        self._lines = LogLines(window, self.marks, self.model.zone)
        if window.following:
            main.show_end(self._lines)
            return
        main.show_moved(self._lines, moved)
        if self._aim is not None:
            place = self._lines.nearest(self._aim)
            if place is not None:
                main.go_to(str(window.rows[place].id))
                self._aim = None
