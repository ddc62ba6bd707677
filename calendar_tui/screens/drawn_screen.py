"""The widgets of the one screen, and how they are drawn: whatever changes, in one go, and nothing else."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Offset
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input
from textual.worker import Worker

from calendar_tui.documents import frame
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.model import Model
from calendar_tui.screens.view import Question, View
from calendar_tui.session import EngineSession
from calendar_tui.terminal import TerminalCapabilities
from calendar_tui.widgets.field import Field, FieldInput
from calendar_tui.widgets.line_view import LineView, Place
from engine.api.errors import ClientFailure, EngineUnreachable
from engine.api.schema import Operation
from engine.documents.columns import columns
from engine.documents.lines import Document, Role, Span
from engine.documents.status import progress

LEFT, LEFT_WIDEST = 56, 68
"""The width of the left pane, and from 150 columns on."""

SMALLEST_FIELD = 20

HELP = "help"
"""The view of the keys where there is no room beside another one."""


class DrawnScreen(Screen[None]):
    """Draws the view on top of a stack of views."""

    AUTO_FOCUS: ClassVar[str | None] = "#main"
    BINDINGS: ClassVar = []

    def __init__(self, model: Model, session: EngineSession, look: TerminalCapabilities, tabs: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.session = session
        self.look = look
        self._tabs = tabs
        self._stack: list[View] = []
        self._forms: dict[View, list[Widget]] = {}
        self._question: Question | None = None
        self._answered = asyncio.Event()
        self._answered.set()
        self._entered_form = asyncio.Event()
        self._entered_form.set()
        self._confirmed: Callable[[], object] | None = None
        self._message = ""
        self._followed = ""
        self._tells_loss = False
        self._helps = False
        self._place_of_help = Place()
        self._visit = -1

    # What there is on the screen

    def compose(self) -> ComposeResult:
        """Yield everything, once."""
        yield self._lines("too-small")
        yield self._lines("header", "one-line")
        yield self._lines("banner", "as-needed")
        yield self._lines("row", "one-line")
        yield self._lines("above", "as-needed")
        with ContentSwitcher(initial="panes", id="body"), Horizontal(id="panes"):
            yield self._lines("main", cursor=True)
            yield self._lines("pane", cursor=True)
        yield self._lines("footer", "as-needed")
        field = Field(self.look, "field")
        field.display = False
        yield field

    def _lines(self, id: str, *classes: str, cursor: bool = False) -> LineView:  # noqa: A002
        widget = LineView(self.look.letters, cursor=cursor, id=id)
        widget.add_class(*classes)
        return widget

    def line_view(self, id: str) -> LineView:  # noqa: A002
        """Return the widget for lines with this id."""
        return self.query_one(f"#{id}", LineView)

    @property
    def main(self) -> LineView:
        """The pane with the cursor; it shows the view on top."""
        return self.line_view("main")

    @property
    def beside(self) -> LineView:
        """The right pane of the wide layout."""
        return self.line_view("pane")

    @property
    def field(self) -> Field:
        """The input field."""
        return self.query_one("#field-box", Field)

    @property
    def width(self) -> int:
        """The number of columns of the terminal."""
        return self.app.size.width

    @property
    def is_wide(self) -> bool:
        """Whether there is room for a second pane."""
        return frame.is_wide(*self.app.size)

    @property
    def has_room_beside(self) -> bool:
        """Whether help can stand beside the view."""
        return self.is_wide and self.view.form() is None and self.view.NAME != HELP

    @property
    def is_helping(self) -> bool:
        """Whether the keys stand beside the view."""
        return self._helps and self.has_room_beside

    def help_beside(self, *, shown: bool) -> None:
        """Show the keys beside the view, in place of its right pane, or no longer."""
        self._helps, self._place_of_help = shown, Place()
        self.put_place_beside()
        self._focus_main()
        self.draw()

    def put_place_beside(self) -> None:
        """Let the right pane be where what it shows was left."""
        self.beside.place = self._place_of_help if self.is_helping else self.view.pane_place

    @property
    def is_asking(self) -> bool:
        """Whether the input field is open."""
        return self._question is not None

    @property
    def view(self) -> View:
        """The view on top."""
        return self._stack[-1]

    @property
    def views(self) -> tuple[View, ...]:
        """The views from the lowest one to the one on top."""
        return tuple(self._stack)

    # Drawing

    def show(self, view: View) -> None:
        """Draw a view again, if it is on top."""
        if self._stack and view is self.view:
            self.draw()

    @property
    def _is_there(self) -> bool:
        """Whether there is something to draw on: not any more while the program ends."""
        return self.is_mounted and len(self.query("#header, #footer")) == 2

    def draw(self) -> None:
        """Draw everything that differs, or a notice if the terminal is too small."""
        if not self._stack or not self._is_there:
            return
        if self._visit != self.model.visits:
            self._visit = self.model.visits
            if self._tells_loss:
                self._say("")
            self.view.ask()
        with self.app.batch_update():
            width, height = self.app.size
            small = frame.is_too_small(width, height)
            self.set_class(small, "-too-small")
            if small:
                self.line_view("too-small").show(frame.too_small(width, height))
                return
            tab = next((each.TAB for each in reversed(self._stack) if each.TAB), "")
            header = frame.header(self.model, self._tabs, tab, width, brackets=self.look.brackets)
            own = self.view.header(width)
            self.line_view("header").show(header if own is None else Document([own]))
            self._show_as_needed("banner", frame.banner(self.model, width))
            self._draw_body(width, height)
            self._draw_row()
            self._draw_footer()

    def _draw_body(self, width: int, height: int) -> None:
        self._draw_form()
        wide = self.is_wide
        above = self.view.above(width)
        self._show_as_needed("above", above if wide else Document())
        room = height - 3 - len(frame.banner(self.model, width)) - len(above) - 2 * wide
        has_pane = wide and (self.view.has_pane() or self.is_helping)
        left = width if not has_pane else LEFT if width < frame.WIDEST else LEFT_WIDEST
        self._set_width(self.main, left if left < width else None)
        self.line_view("pane").display = left < width
        self.main.keeps_cursor = self.is_asking
        sheet = self.view.sheet(left - 2 * wide, room)
        if not wide:  # another height of a widget would have the whole screen drawn
            sheet = replace(sheet, heads=Document([*above, *sheet.heads]))
        self.main.show(sheet, framed=wide)
        if self.is_helping:
            self.put_place_beside()
            keys = frame.help_document(self.view.NAME, width - left - 2)
            self.beside.show(Sheet(keys, title="Keys and signs"), framed=True)
        elif left < width:
            self.beside.show(self.view.pane(width - left - 2, room), framed=True)

    def _set_width(self, widget: LineView, width: int | None) -> None:
        now = widget.styles.width
        if (now.value if now is not None and now.is_cells else None) != width:
            widget.styles.width = "1fr" if width is None else width

    def _draw_form(self) -> None:
        """Show the container of the view, or the panes."""
        form, switcher = self.view.form(), self.query_one(ContentSwitcher)
        if form is None:
            if switcher.current != "panes":
                switcher.current = "panes"
                self._focus_main()
            return
        if switcher.current != form.id:
            self._entered_form.clear()
            _: Worker[None] = self.run_worker(partial(self._enter_form, form, switcher), group="form", exclusive=True)

    async def _enter_form(self, form: Widget, switcher: ContentSwitcher) -> None:
        """Show a container, after mounting it if it is new, and give it the focus."""
        if form not in self._forms.setdefault(self.view, []):
            self._forms[self.view].append(form)
            form.display = False
            await switcher.mount(form)
        switcher.current = form.id
        self.draw()
        self._focus_form(form)

    def _focus_form(self, form: Widget) -> None:
        """Give the focus to the container."""
        self._entered_form.set()
        if self._stack and form is self.view.form() and not self.is_asking:
            wanted = self.view.focused() or next((each for each in form.query("*") if each.focusable), None)
            self.set_focus(wanted)

    def _return_focus(self) -> None:
        """Give the focus back to what had it before the field."""
        form = self.view.form()
        if form is None:
            self._focus_main()
        else:
            self._focus_form(form)

    def _focus_main(self) -> None:
        if self.query_one(ContentSwitcher).current == "panes":
            self.set_focus(self.main)

    def _draw_row(self) -> None:
        row, width = self.view.row(), self.app.size.width
        if self._question is not None and not self._question.at:
            row = Row((Span(self._question.label, Role.MUTED),), row.right)
        self.line_view("row").show(Document([row.line(width)]))
        if self._question is not None:
            self.field.move(*self._place_of_field(self._question, row))

    def _place_of_field(self, question: Question, row: Row) -> tuple[Offset, int]:
        width = self.app.size.width
        over_line = self.main.row_of_cursor() if question.at else None
        if over_line is None:
            start = 1 + columns(question.label)
            right = columns("".join(span.text for span in row.at_right)) + 2 if row.right else 0
            y = self.line_view("banner").region.bottom if len(frame.banner(self.model, width)) else 1
            return Offset(start, y), max(SMALLEST_FIELD, width - 1 - start - right)
        main = self.main.region
        start = main.x + (1 if self.is_wide else 0) + question.indent
        return Offset(start, main.y + over_line), max(SMALLEST_FIELD, main.right - start - 1)

    def _draw_footer(self) -> None:
        operation = self.model.operations.get(self._followed)
        if operation is not None:
            self._message = progress(operation)
        enter = self.view.enter() if self.main.cursor_key else ""
        is_first = len(self._stack) == 1 and not self.is_helping
        shown = frame.footer(self.view.commands(), self._message, self.app.size.width, enter=enter, is_first=is_first)
        self._show_as_needed("footer", shown)

    def _show_as_needed(self, id: str, document: Document) -> None:  # noqa: A002
        widget = self.line_view(id)
        if widget.styles.height is None or widget.styles.height.value != len(document):
            widget.styles.height = len(document)
        widget.show(document)

    def tell(self, message: str) -> None:
        """Show a message in the footer until the next key press."""
        self._say(message)
        if self._stack and self._is_there and not self.has_class("-too-small"):
            self._draw_footer()

    def tell_failure(self, failure: ClientFailure) -> None:
        """Show in the footer why something was not done; that the engine is gone only until it is back."""
        self.tell(f"{failure}. {failure.remedy}")
        self._tells_loss = isinstance(failure, EngineUnreachable)

    def follow(self, operation: Operation) -> None:
        """Show the progress of an operation in the footer until the next key press."""
        self.tell(progress(operation))
        self._followed = operation.id

    def confirm(self, question: str, confirmed: Callable[[], object]) -> None:
        """Ask a question in the footer, and call something if the next key is y."""
        self.tell(f"{question}   y yes  n no")
        self._confirmed = confirmed

    def _say(self, message: str) -> None:
        self._message, self._followed, self._confirmed, self._tells_loss = message, "", None, False

    # The input field

    def ask(self, question: Question) -> None:
        """Open the input field."""
        self._question = question
        with self.app.batch_update():
            self.draw()
            place, width = self._place_of_field(question, self.view.row())
            completes = question.completed is not None
            self.field.open(place, width, question.text, question.hint, secret=question.secret, completes=completes)

    def put_text(self, text: str) -> None:
        """Replace the text of the open field."""
        self.field.put(text)

    def stop_asking(self) -> None:
        """Close the input field."""
        if self._question is not None:
            self._question = None
            with self.app.batch_update():
                self.field.close()
                self._return_focus()
                self.draw()

    @on(Input.Changed, "#field")
    def _typed(self, event: Input.Changed) -> None:
        if self._question is not None and self._question.typed is not None:
            self._question.typed(event.value)

    @on(Input.Submitted, "#field")
    def _entered(self, event: Input.Submitted) -> None:
        question = self._question
        if question is None:
            return
        answer = question.entered(event.value)
        if isinstance(answer, bool):
            if answer and self._question is question:
                self.stop_asking()
            return

        answered = self._answered = asyncio.Event()

        async def wait() -> None:
            try:
                if await answer and self._question is question:
                    self.stop_asking()
            finally:
                answered.set()

        _: Worker[None] = self.run_worker(wait, group="answer", exclusive=True)

    async def answered(self) -> None:
        """Wait until what was entered in the field is dealt with, and a container that opens has the focus.

        Whoever gives up waiting ends nothing: to wait for a worker itself would cancel it then.
        """
        await self._answered.wait()
        await self._entered_form.wait()

    @on(FieldInput.Completing)
    def _complete(self) -> None:
        if self._question is not None and self._question.completed is not None:
            text, cursor = self._question.completed(self.field.input.value, self.field.input.cursor_position)
            self.field.input.value = text
            self.field.input.cursor_position = cursor
