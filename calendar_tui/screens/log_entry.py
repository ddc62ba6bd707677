"""The view of one log entry: its outcome and cause, both bodies, the headers, and the next entries."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from calendar_tui.commands.command import Command
from calendar_tui.documents.log_entry import COMMAND, PARTS, TITLES, Part, parts_shown, trail
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.private_files import write_here
from calendar_tui.screens.log_base import LogBaseView
from calendar_tui.screens.view import COPIED, Question, Shell, View, remark
from calendar_tui.widgets.line_view import LineView, Place
from engine.api.errors import ClientFailure
from engine.api.resources.log import LogRequests
from engine.api.schema.log import BodySide, LogBody, LogExchange, LogQuestion, LogRow
from engine.display import visible_lines
from engine.documents.body import BodyView
from engine.documents.body_syntax import Shape, body_text, shape_of
from engine.documents.lines import Document
from engine.documents.log_entry import NO_BODY, body_title, commands_of, headers, summary
from engine.documents.log_status import quoted

ATTEMPTS = 50
AHEAD = 3
"""Pages of a body that are laid out before it is shown; the rest follows in the background."""


class Body(NamedTuple):
    """A body as it was loaded."""

    size: int
    text: str


class LogEntryView(View):
    """Shows one entry of the log `log`, which determines the next and previous ones."""

    NAME = "exchange"

    def __init__(self, shell: Shell, log: LogBaseView, id: int) -> None:  # noqa: A002 - as in the API
        super().__init__(shell)
        self._log = log
        self._number = id
        self._part = Part.SUMMARY
        self._raw = False
        self._said = "… asking the engine"
        self._answered = asyncio.Event()
        self._exchange: LogExchange | None = None
        self._attempts: Sequence[LogRow] = ()
        self._bodies: dict[BodySide, Body] = {}
        self._views: dict[BodySide, BodyView] = {}
        self._places = {part: Place() for part in PARTS}
        self.place = self._places[self._part]

    def hidden(self) -> None:
        """Remember the entry."""
        self.model.chosen_entry = self._number

    async def ready(self) -> None:
        """Return when the entry has come."""
        await self._answered.wait()

    def row(self) -> Row:
        """Return the path, and the names of the parts."""
        row = self._exchange.row if self._exchange is not None else None
        return Row(trail(row, self._number, self.model.zone), parts_shown(self._present))

    def enter(self) -> str:
        """Return what Enter does: on a body it folds, on a try it opens."""
        return "fold" if self._side else "open"

    def hindrance(self, command: Command) -> str:
        """Return why a command cannot be run, "" if it can."""
        if command.name == "pager" and not self.shell.starts_programs:
            return "No other program may be started here; y copies, w writes a file."
        if command.name == "curl" and self._exchange is not None and self._exchange.row.peer == "pbx":
            return "There is no curl command for a message of the PBX."
        return super().hindrance(command)

    def has_pane(self) -> bool:
        """Return whether there is a second pane: for the reply beside the request."""
        return self._part.side is not None

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the selected part, or the request in the wide layout."""
        self._put_places()
        exchange, part = self._exchange, self._part
        if exchange is None:
            return Sheet(remark(self._said, width))
        if part.side:
            return self._body_sheet("request" if self.shell.is_wide else part.side, exchange, width, height)
        if part is Part.HEADERS:
            return Sheet(headers(exchange, width))
        return Sheet(summary(exchange, self._attempts, width, self.model.zone))

    def pane(self, width: int, height: int) -> Sheet:
        """Return the reply."""
        exchange = self._exchange
        return self._body_sheet("response", exchange, width, height) if exchange is not None else Sheet(Document())

    def chosen(self, key: str) -> None:
        """Fold an element of a body, or open another try."""
        if self._side:
            self.action_fold()
        else:
            self._follow(int(key))

    @property
    def _are_beside(self) -> bool:
        """Whether both bodies are shown."""
        return self._part.side is not None and self.shell.is_wide

    @property
    def _present(self) -> Part:
        """The part with the focus."""
        if not self._are_beside:
            return self._part
        return Part.REPLY if self.shell.beside.is_focused else Part.REQUEST

    @property
    def _side(self) -> BodySide | None:
        """The body with the focus."""
        return self._present.side

    @property
    def _list(self) -> LineView:
        """The widget with the focus."""
        return self.shell.beside if self._are_beside and self._present is Part.REPLY else self.shell.main

    @property
    def _view(self) -> BodyView | None:
        """The lines of the body that is shown."""
        return self._views.get(self._side) if self._side else None

    def _put_places(self) -> None:
        """Let each part be where it was left."""
        first = Part.REQUEST if self._are_beside else self._part
        self.place = self.shell.main.place = self._places[first]
        self.pane_place = self.shell.beside.place = self._places[Part.REPLY]

    def _body_sheet(self, side: BodySide, exchange: LogExchange, width: int, height: int) -> Sheet:
        about, body = _about(exchange, side), self._bodies.get(side)
        if body is None:
            return Sheet(remark("… loading", width), heads=Document([body_title(TITLES[side], about, "...", 0)]))
        if not body.text:
            return Sheet(Document([NO_BODY]))
        shape = Shape.RAW if self._raw else shape_of(body.text)
        view = self._views.get(side)
        if view is None or view.width != width or view.shape is not shape:
            view = self._views[side] = BodyView(body.text, shape, width)
        while not view.complete and len(view) < self._places[Part.of(side)].top + AHEAD * height:
            view.grow()
        if not view.complete:
            self.run(partial(self._lay_out, view), f"grow {side}")
        return Sheet(view, heads=Document([body_title(TITLES[side], about, shape, body.size)]))

    async def _lay_out(self, view: BodyView) -> None:
        """Lay out a large body a portion at a time, so that keys are handled in between."""
        while not view.complete:
            await asyncio.sleep(0)
            view.grow()
        self.show()

    def action_part(self, step: int) -> None:
        """Go to the next or previous part."""
        self.action_open_part(PARTS[(PARTS.index(self._present) + step) % len(PARTS)])

    def action_open_part(self, part: str) -> None:
        """Show a part, where it was left."""
        self._part = Part(part)
        self.show()
        if self._part.side:
            self.run(self._load_shown, "load")
        self.shell.give_focus(self.shell.beside if self._are_beside and self._part is Part.REPLY else self.shell.main)
        self.show()

    def action_bottom(self) -> None:
        """Go to the end, which has to be laid out for that."""
        while self._view is not None and not self._view.complete:
            self._view.grow()
        self.show()
        self._list.action_bottom()

    def action_fold(self) -> None:
        """Fold or unfold the element at the cursor."""
        view = self._view
        if view is not None and self._list.cursor is not None:
            self._go_to(view, view.toggle(self._list.cursor))

    def action_unfold(self) -> None:
        """Unfold everything."""
        if self._view is not None:
            self._view.unfold_all()
            self.show()

    def action_raw(self) -> None:
        """Show bodies as sent, or indented."""
        self._raw = not self._raw
        self.show()

    def action_search(self) -> None:
        """Ask for words to look for in the bodies."""
        self.shell.ask(Question("/ ", entered=self._searched, hint="search in request and reply"))

    async def _searched(self, words: str) -> bool:
        exchange, log = self._exchange, self._log.api
        if exchange is None or log is None:
            return True
        sides: tuple[BodySide, ...] = ("request", "response")
        await self._told(lambda: self._load(log, exchange, sides))
        counts = {side: self._searched_view(side).search(words) for side in sides if side in self._bodies}
        best = next((side for side in (self._side, *sides) if side and counts[side]), None)
        if best is not None:
            self.shell.after_drawing(lambda: self._show_found(best))
        said = ", ".join(f"{count:,} in the {TITLES[side].lower()}" for side, count in counts.items())
        self.shell.after_drawing(lambda: self.tell(said))
        return True

    def _show_found(self, side: BodySide) -> None:
        """Show the first match, now that the field has given the focus back."""
        self.action_open_part(Part.of(side))
        self.action_found(1)

    def _searched_view(self, side: BodySide) -> BodyView:
        """Return the lines of a body that may not have been shown yet."""
        view = self._views.get(side)
        if view is None:
            text = self._bodies[side].text
            shape = Shape.RAW if self._raw else shape_of(text)
            view = self._views[side] = BodyView(text, shape, max(1, self._list.width))
        return view

    def action_found(self, step: int) -> None:
        """Go to the next or previous match."""
        view = self._view
        while view is not None and view.found and not view.complete:
            view.grow()
        place = view.hit(self._list.cursor or 0, step) if view is not None else None
        if view is None or place is None:
            self.tell("No match here; / searches.")
        else:
            self._go_to(view, place)

    def _go_to(self, view: BodyView, index: int) -> None:
        self.show()
        self._list.go_to(view.line(index, view.width).key)

    async def action_step(self, step: int, by: str) -> None:
        """Go to the next or previous entry of the list, of the same user, or of the same operation."""
        exchange, log = self._exchange, self._log.api
        if exchange is None or log is None:
            return
        row = exchange.row
        filters = {
            "": self._log.shown_filter,
            "user": f"user:{quoted(row.mailbox or row.user)}",
            "op": f"op:{quoted(row.operation)}",
        }
        after, before = (self._number, None) if step > 0 else (None, self._number)
        question = LogQuestion(filter=filters[by], after=after, before=before, limit=1)

        async def go() -> None:
            page = await log.page(question)
            if page.rows:
                self._follow(page.rows[0].id)
            else:
                self.tell("There are no more.")

        await self._told(go)

    def action_compare(self) -> None:
        """Compare this entry with the marked one, or else with the one before of the same operation."""
        from calendar_tui.screens.log_compare import CompareView

        row = self._exchange.row if self._exchange is not None else None
        if row is not None:
            self.shell.push(CompareView(self.shell, self._log, row))

    def action_copy_command(self) -> None:
        """Copy the suggested command to the clipboard of the terminal."""
        text = commands_of(self._exchange) if self._exchange else ""
        self._copy(text, "There is no suggested command here.")

    async def action_curl(self) -> None:
        """Copy the entry to the clipboard as a curl command."""
        log = self._log.api

        async def copy() -> None:
            if log is not None:
                self._copy((await log.curl(self._number)).decode(), "")

        await self._told(copy)

    def action_copy(self) -> None:
        """Copy the part to the clipboard."""
        self._copy(self._text(), "Nothing to copy.")

    async def action_save(self) -> None:
        """Write the part to a file, or the command if there is one in the summary."""
        text, name = self._text(), str(self._part)
        if self._part is Part.SUMMARY and self._exchange is not None and commands_of(self._exchange):
            text, name = f"{commands_of(self._exchange)}\n", COMMAND
        self.tell(await write_here(f"calendar-log-entry-{self._number}-{name}.txt", text.encode()))

    def action_pager(self) -> None:
        """Show the part in the pager of the environment."""
        text = self._text()
        if text:
            self.shell.page(text)
        else:
            self.tell("Nothing to show yet.")

    def _copy(self, text: str, otherwise: str) -> None:
        if text:
            self.shell.copy(text)
        self.tell(COPIED if text else otherwise)

    def _text(self) -> str:
        """Return the part as text: a body as it was sent."""
        if self._side:
            body = self._bodies.get(self._side)
            return visible_lines(body.text) if body is not None else ""
        lines, width = self._list.lines, self._list.width
        return "".join(f"{lines.line(index, width).text.rstrip()}\n" for index in range(len(lines)))

    def _follow(self, id: int) -> None:  # noqa: A002 - as in the API
        """Show another entry."""
        if id != self._number:
            self._number, self._exchange, self._attempts = id, None, ()
            for side in TITLES:
                self.end(f"grow {side}")
            self._bodies.clear()
            self._views.clear()
            for place in self._places.values():
                place.top, place.cursor, place.key, place.was_moved = 0, None, "", False
            self.show()
            self.ask()

    def ask(self) -> None:
        """Request the entry, and its body if that is shown."""
        self.run(partial(self._told, self._ask), "ask")

    async def _ask(self) -> None:
        log = self._log.api
        if log is None:
            return
        exchange = self._exchange = await log.exchange(self._number)
        self._answered.set()
        self.show()
        await self._load(log, exchange, self._sides)
        if exchange.request_id:
            question = LogQuestion(filter=f"request:{quoted(exchange.request_id)}", limit=ATTEMPTS)
            self._attempts = tuple(reversed((await log.page(question)).rows))
            self.show()

    @property
    def _sides(self) -> tuple[BodySide, ...]:
        """The bodies that are shown."""
        if self._are_beside:
            return ("request", "response")
        return (self._part.side,) if self._part.side else ()

    async def _load_shown(self) -> None:
        log, exchange = self._log.api, self._exchange
        if log is not None and exchange is not None:
            await self._told(lambda: self._load(log, exchange, self._sides))

    async def _load(self, log: LogRequests, exchange: LogExchange, sides: Sequence[BodySide]) -> None:
        """Request the bodies that are missing."""
        for side in sides:
            about, data = _about(exchange, side), b""
            if side in self._bodies:
                continue
            while len(data) < about.kept:
                portion = await log.portion(exchange.row.id, side, len(data))
                data += portion
                if not portion:
                    break
            if exchange is not self._exchange:
                return
            self._bodies[side] = Body(len(data), body_text(data, about.media_type))
            self.show()

    async def _told(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something, and tell why if it fails."""
        try:
            await work()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
            self.tell_failure(failure)
            self._answered.set()
            self.show()


def _about(exchange: LogExchange, side: BodySide) -> LogBody:
    return exchange.request if side == "request" else exchange.response
