"""The base of the views of the debug log: loads the visible entries, and listens for new ones."""

import asyncio

from calendar_tui.documents.log_filter import FilterConditions, narrowed
from calendar_tui.documents.log_list import LogLines, Marks, waiting
from calendar_tui.documents.log_window import LogWindow
from calendar_tui.documents.sheet import Sheet
from calendar_tui.screens.view import Shell, View, remark
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.resources.log import LogRequests, capture_events
from engine.api.schema.log import CaptureState, LogHistogramQuestion, LogRow
from engine.documents.lines import Document

PAUSE = 2.0
"""Seconds before another attempt to listen for events, and between two counts."""

MERGED = 0.25
"""Seconds within which new entries are shown in one go."""

QUIET, ERROR = "is:quiet", "is:error"


class LogBaseView(View):
    """Shows a window of the log, and loads what is missing."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.conditions = FilterConditions()
        self.hides_quiet = True
        self.capture: CaptureState | None = None
        self.marks = Marks()
        self.window = LogWindow(self.shown_filter)
        self.hidden_entries = 0
        self.errors: int | None = None
        self._lines: LogLines | None = None
        self._count_drawn = 0
        self._failure = ""
        self._aim: int | None = None
        self._wake = asyncio.Event()
        self._to_count = asyncio.Event()
        self._shows_soon = False
        self._is_on_top = False

    def shown(self) -> None:
        """Load entries and listen for new ones while the view is on top."""
        self._is_on_top = True
        self.run(self._feed, "feed")
        self.run(self._listen, "listen")
        self._start_counting()

    def hidden(self) -> None:
        """Stop loading and listening."""
        self._is_on_top = False
        for group in ("feed", "listen", "count"):
            self.end(group)

    @property
    def shown_filter(self) -> str:
        """The filter of what is listed: without keep-alives, unless they are asked for."""
        words = self.conditions.filter
        return narrowed(words, f"not {QUIET}") if self.hides_quiet and QUIET not in words else words

    @property
    def list(self) -> LineView:
        """The list widget."""
        return self.shell.main

    def entries(self, width: int, heads: Document, foot: Document) -> Sheet:
        """Return the entries in memory, and request missing ones."""
        self._pause_if_moved()
        self._wake.set()
        window = self.window
        if not window.rows:
            self._lines = None
            return Sheet(remark(waiting(window, self._failure, self.conditions), width), heads=heads, foot=foot)
        self._lines = LogLines(window, self.marks, self.model.zone)
        self._count_drawn = len(window.rows)
        sought = self._sought(self._lines)
        return Sheet(self._lines, heads=heads, foot=foot, cursor=sought, tells_more=False, cursor_scrolls=True)

    def apply(self, conditions: FilterConditions) -> None:
        """Filter by other conditions, staying near the selected entry if there is one."""
        self.conditions = conditions
        self.list_again()

    def list_again(self) -> None:
        """List what the conditions select, staying near the selected entry if there is one."""
        row = None if self.window.following else self.selected()
        self.hidden_entries, self.errors = 0, None
        if self._is_on_top:
            self._start_counting()
        self.go_to(None if row is None else row.id)

    def go_to(self, id: int | None) -> None:  # noqa: A002 - as in the API
        """Show the entries around a given one, or the newest."""
        self.window = LogWindow(self.shown_filter, id, self.window.newest)
        self._aim = id
        self._failure = ""
        self.show()

    def selected(self) -> LogRow | None:
        """Return the selected entry, None if there is none."""
        key = self.place.key
        place = self.window.position(int(key)) if key else None
        return None if place is None else self.window.rows[place]

    @property
    def api(self) -> LogRequests | None:
        """The log requests to the engine, None while it is unreachable."""
        return LogRequests(self.shell.session.api) if self.shell.session.api is not None else None

    def moved(self) -> None:
        """Request missing entries."""
        self._pause_if_moved()
        self._wake.set()

    def action_top(self) -> None:
        """Go to the oldest entry."""
        self.go_to(1)

    def action_bottom(self) -> None:
        """Go to the newest entry, and follow."""
        self.go_to(None)

    async def _feed(self) -> None:
        """Request missing entries whenever there may be any."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.api is not None and await self._ask(self.api):
                pass

    async def _ask(self, log: LogRequests) -> bool:
        """Send one request, and return whether more may be needed."""
        window, seen = self.window, self.list.seen
        question = window.wanted(seen.start, seen.stop)
        if question is None:
            return False
        try:
            page = await log.page(question)
        except ClientFailure as failure:
            self._failure = f"{failure}. {failure.remedy}"
            self.tell(self._failure)
            return window is not self.window
        if window is self.window:
            self._pause_if_moved()
            anchor = self.selected()
            before = window.position(anchor.id) if anchor else None
            window.take(question, page)
            after = window.position(anchor.id) if anchor else None
            if before is not None and after is not None:
                self.place.top += after - before
            self.show()
        return True

    def _start_counting(self) -> None:
        self._to_count.set()
        self.run(self._count, "count")

    async def _count(self) -> None:
        """Count what is kept, the errors, and the hidden keep-alives, when there may be more, but not all the time."""
        while True:
            await self._to_count.wait()
            self._to_count.clear()
            try:
                if self.api is not None:
                    self.capture = await self.api.capture()
                errors = await self._number_of(ERROR)
                hidden = await self._number_of(QUIET) if self.shown_filter != self.conditions.filter else 0
            except ClientFailure:
                pass  # the session shows this in every view
            else:
                self.errors, self.hidden_entries = errors, hidden
                self.show()
            await asyncio.sleep(PAUSE)

    async def _number_of(self, condition: str) -> int:
        """Return how many entries that match the conditions match another one as well."""
        words = narrowed(self.conditions.filter, condition)
        question = LogHistogramQuestion(filter=words, columns=1)
        return (await self.api.histogram(question)).count if self.api is not None else 0

    async def _listen(self) -> None:
        """Receive events about new entries."""
        while True:
            api = self.shell.session.api
            try:
                if api is not None:
                    async for event in capture_events(api):
                        self.capture = event.capture or self.capture
                        self.model.is_capturing = self.capture is not None and self.capture.on
                        self.window.heard(max(event.newest, event.capture.newest if event.capture else 0))
                        self._to_count.set()
                        self._show_soon()
            except ClientFailure:
                pass  # the session shows this in every view
            await asyncio.sleep(PAUSE)

    def _show_soon(self) -> None:
        if not self._shows_soon:
            self._shows_soon = True
            self.shell.later(MERGED, self._show_now)

    def _show_now(self) -> None:
        self._shows_soon = False
        self._pause_if_moved()
        self.show()

    def _pause_if_moved(self) -> None:
        """Stop following if the cursor is no longer on the last of the entries that were drawn."""
        is_shown = self._lines is not None and self.list.lines is self._lines and self._lines.window is self.window
        cursor = self.list.cursor
        is_moved = cursor is not None and cursor < self._count_drawn - 1
        if self._is_on_top and is_shown and self.window.following and is_moved:
            self.window.pause()

    def _sought(self, lines: LogLines) -> str:
        """Return the key of the newest entry while following, or of the one looked for; "" if there is none."""
        rows = self.window.rows
        if self.window.following:
            return str(rows[-1].id)
        place = lines.nearest(self._aim) if self._aim is not None else None
        if place is None:
            return ""
        self._aim = None
        return str(rows[place].id)
