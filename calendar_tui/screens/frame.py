"""The one screen of the program: header, banner, second row, panes, footer; views only say what is in them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from inspect import isawaitable
from typing import ClassVar, TypeVar

from textual import actions, events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Offset
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input
from textual.worker import Worker

from calendar_tui.commands import registry
from calendar_tui.commands.command import LIST, Command
from calendar_tui.documents import frame
from calendar_tui.documents.sheet import Row
from calendar_tui.model import Model, Query
from calendar_tui.screens.view import Question, View
from calendar_tui.session import EngineSession
from calendar_tui.terminal import TerminalCapabilities, ThemeName
from calendar_tui.widgets.field import Field, FieldInput
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.resources.engine import EngineRequests
from engine.api.schema import HeldChange, Operation
from engine.api.schema.setup import FlowName
from engine.documents.columns import columns
from engine.documents.lines import Document, Role, Span
from engine.documents.status import confirmed_in_words, held_in_words, progress

V = TypeVar("V", bound=View)

LEFT, LEFT_WIDEST = 56, 68
"""The width of the left pane, and from 150 columns on."""

SMALLEST_FIELD = 20


class Frame(Screen[None]):
    """Shows the view on top of a stack of views, whose lowest one is the first main view."""

    AUTO_FOCUS: ClassVar[str | None] = "#main"
    BINDINGS: ClassVar = []

    def __init__(
        self,
        model: Model,
        session: EngineSession,
        look: TerminalCapabilities,
        main_views: "Mapping[str, Callable[[Frame], View]]",
    ) -> None:
        super().__init__()
        self.model = model
        self.session = session
        self.look = look
        self._makers = main_views
        self._main_views: dict[str, View] = {}
        self._stack: list[View] = []
        self._groups: dict[View, set[str]] = {}
        self._forms: dict[View, list[Widget]] = {}
        self._question: Question | None = None
        self._answering: Worker[None] | None = None
        self._entered_form = asyncio.Event()
        self._entered_form.set()
        self._confirmed: Callable[[], object] | None = None
        self._message = ""
        self._followed = ""
        self._visit = -1
        self._to_confirm: HeldChange | None = None

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
    def is_asking(self) -> bool:
        """Whether the input field is open."""
        return self._question is not None

    # The views

    @property
    def view(self) -> View:
        """The view on top."""
        return self._stack[-1]

    @property
    def views(self) -> tuple[View, ...]:
        """The views from the lowest one to the one on top."""
        return tuple(self._stack)

    def main_view(self, kind: type[V]) -> V:
        """Return one of the main views by its class."""
        view = self._main_view(kind.NAME)
        assert isinstance(view, kind)  # noqa: S101 - for the type checker
        return view

    def _main_view(self, name: str) -> View:
        if name not in self._main_views:
            self._main_views[name] = self._makers[name](self)
        return self._main_views[name]

    def on_mount(self) -> None:
        """Show the first view."""
        self.set_class(not self.look.colour, "-mono")
        self.set_class(self.look.theme is ThemeName.ANSI, "-few-colours")
        self.push(self._main_view(next(iter(self._makers))))

    def push(self, view: View) -> None:
        """Show another view; Esc leads back to this one."""
        self._change([*self._stack, view])

    def go_back(self) -> None:
        """Leave the view on top, except the first one."""
        if len(self._stack) > 1:
            self._change(self._stack[:-1])

    def open_view(self, name: str) -> None:
        """Open one of the main views, and leave all others."""
        first, view = self._stack[0], self._main_view(name)
        if view in self._stack[1:]:
            view.left()
        self._change([first] if view is first else [first, view])

    def go_to(self, name: str) -> None:
        """Open one of the main views; Esc leads back to this one."""
        view = self._main_view(name)
        place = self._stack.index(view) if view in self._stack else None
        self._change([*self._stack, view] if place is None else self._stack[: place + 1])

    def _change(self, stack: list[View]) -> None:
        """Show the top of another stack, all in one go."""
        before = self._stack[-1] if self._stack else None
        gone = [view for view in self._stack if view not in stack]
        self._stack = stack
        with self.app.batch_update():
            if before is not None and before is not self.view:
                before.hidden()
            for view in reversed(gone):
                self._leave(view)
            if before is not self.view:
                self._say("")
                self._question = None
                self.field.close()
                self.main.place, self.line_view("pane").place = self.view.place, self.view.pane_place
                self.view.shown()
                self.view.ask()
                self._focus_main()
            self.draw()

    def _leave(self, view: View) -> None:
        view.left()
        if view in self._main_views.values():
            return
        for group in self._groups.pop(view, ()):
            self.workers.cancel_group(self, group)
        for form in self._forms.pop(view, ()):
            form.remove()

    def open_users(self, query: Query) -> None:
        """Open the list of users that match a query, until one leaves it."""
        from calendar_tui.screens.users import UsersView

        self.main_view(UsersView).lend(query)
        self.go_to(UsersView.NAME)

    def open_user(self, guid: str) -> None:
        """Open the view of one user."""
        from calendar_tui.screens.user import UserView

        self.push(UserView(self, guid))

    def open_log(self, *conditions: str) -> None:
        """Open the debug log with the entries that match a filter."""
        from calendar_tui.screens.log import LogView

        self.go_to(LogView.NAME)
        self.main_view(LogView).narrow(*conditions)

    def open_setting(self, key: str) -> None:
        """Open the settings with the cursor on one of them."""
        from calendar_tui.screens.settings import SettingsView

        self.open_view(SettingsView.NAME)
        self.main_view(SettingsView).seek(key)

    def neighbour(self, guid: str, steps: int) -> str | None:
        """Return the user some steps after a user in the list, None at its end."""
        from calendar_tui.screens.users import UsersView

        return self.main_view(UsersView).neighbour(guid, steps)

    # Drawing

    def show(self, view: View) -> None:
        """Draw a view again, if it is on top."""
        if self._stack and view is self.view:
            self.draw()

    def draw(self) -> None:
        """Draw everything that differs, or a notice if the terminal is too small."""
        if not self._stack or not self.is_mounted:
            return
        if self._visit != self.model.visits:
            self._visit = self.model.visits
            self.view.ask()
        with self.app.batch_update():
            width, height = self.app.size
            small = frame.is_too_small(width, height)
            self.set_class(small, "-too-small")
            if small:
                self.line_view("too-small").show(frame.too_small(width, height))
                return
            tab = next((each.TAB for each in reversed(self._stack) if each.TAB), "")
            header = frame.header(self.model, tuple(self._makers), tab, width, brackets=self.look.brackets)
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
        self._show_as_needed("above", above)
        room = height - 3 - len(frame.banner(self.model, width)) - len(above) - 2 * wide
        left = width if not (wide and self.view.PANE) else LEFT if width < frame.WIDEST else LEFT_WIDEST
        self._set_width(self.main, left if left < width else None)
        self.line_view("pane").display = left < width
        self.main.keeps_cursor = self.is_asking
        self.main.show(self.view.sheet(left - 2 * wide, room), framed=wide)
        if left < width:
            self.line_view("pane").show(self.view.pane(width - left - 2, room), framed=True)

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
        enter = self.view.ENTER if self.main.cursor_key else ""
        shown = frame.footer(
            self.view.commands(), self._message, self.app.size.width, enter=enter, is_first=len(self._stack) == 1
        )
        self._show_as_needed("footer", shown)

    def _show_as_needed(self, id: str, document: Document) -> None:  # noqa: A002
        widget = self.line_view(id)
        if widget.styles.height is None or widget.styles.height.value != len(document):
            widget.styles.height = len(document)
        widget.show(document)

    def tell(self, message: str) -> None:
        """Show a message in the footer until the next key press."""
        self._say(message)
        if self._stack and self.is_mounted and not self.has_class("-too-small"):
            self._draw_footer()

    def follow(self, operation: Operation) -> None:
        """Show the progress of an operation in the footer until the next key press."""
        self.tell(progress(operation))
        self._followed = operation.id

    def confirm(self, question: str, confirmed: Callable[[], object]) -> None:
        """Ask a question in the footer, and call something if the next key is y."""
        self.tell(f"{question}   y yes  n no")
        self._confirmed = confirmed

    def _say(self, message: str) -> None:
        self._message, self._followed, self._confirmed = message, "", None

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

        async def wait() -> None:
            if await answer and self._question is question:
                self.stop_asking()

        self._answering = self.run_worker(wait, group="answer", exclusive=True)

    async def answered(self) -> None:
        """Wait until what was entered in the field is dealt with, and a container that opens has the focus."""
        if self._answering is not None and not self._answering.is_finished:
            await self._answering.wait()
        await self._entered_form.wait()

    @on(FieldInput.Completing)
    def _complete(self) -> None:
        if self._question is not None and self._question.completed is not None:
            text, cursor = self._question.completed(self.field.input.value, self.field.input.cursor_position)
            self.field.input.value = text
            self.field.input.cursor_position = cursor

    # Keys and commands

    def on_key(self, event: events.Key) -> None:
        """Run the command of a key, unless a field or another widget of a form takes it."""
        if event.key != "Y":
            self._to_confirm = None
        confirmed = self._confirmed
        if self._message:
            self.tell("")
        if confirmed is not None:
            event.stop()
            event.prevent_default()
            if event.key == "y":
                self._follow_up(confirmed())
            return
        command = self._command(event.key)
        if command is not None:
            event.stop()
            event.prevent_default()
            self.action_command(command.name)

    def _command(self, key: str) -> Command | None:
        """Return the command of a key at present."""
        if isinstance(self.focused, Input) and not self._leaves_text(key):
            return None
        commands = registry.in_view(self.view.NAME)
        if isinstance(self.focused, LineView) or self.is_asking:
            commands = (*commands, *registry.of_place(LIST))
        return next((each for each in commands if key in each.keys), None)

    def _leaves_text(self, key: str) -> bool:
        """Return whether a key is a command even while text is typed."""
        return key in ("escape", "f1") or key.startswith("ctrl+") or (self.is_asking and key in ("up", "down"))

    def action_command(self, name: str) -> None:
        """Run a command by its name, or show why that is not possible."""
        command = registry.named(self.view.NAME, name)
        hindrance = self.view.hindrance(command)
        if hindrance:
            self.tell(hindrance)
        else:
            self.carry_out(command.action)

    def action_clicked(self, action: str) -> None:
        """Run the action of a part of a line that was clicked."""
        self.carry_out(action)

    def carry_out(self, action: str) -> None:
        """Run an action of the view, of the pane with the focus, or of the frame."""
        _, name, parameters = actions.parse(action)
        if name == "back" and self._question is not None:
            left = self._question.left
            self.stop_asking()
            if left is not None:
                left()
            return
        pane = self.focused if isinstance(self.focused, LineView) else self.main
        for owner in (self.view, pane, self):
            method = getattr(owner, f"action_{name}", None)
            if method is not None:
                self._follow_up(method(*parameters))
                return

    def _follow_up(self, result: object) -> None:
        """Carry out in the background what an action returned, if it is asynchronous."""
        if isawaitable(result):
            self.run_worker(result, group="command")

    def action_other_pane(self) -> None:
        """Give the focus to the other pane, if there is one."""
        pane = self.line_view("pane")
        if pane.display:
            self.set_focus(self.main if pane.has_focus else pane)

    def action_open(self, name: str) -> None:
        """Open a main view."""
        self.open_view(name)

    def action_set_up(self, flow: FlowName) -> None:
        """Open the set-up, or one later change of it."""
        self.set_up(flow)

    def set_up(self, flow: FlowName) -> None:
        """Open the set-up, or one later change of it."""
        from calendar_tui.screens.setup import SetupView

        if not isinstance(self.view, SetupView):
            self.push(SetupView(self, flow))

    def action_help(self) -> None:
        """Show all keys."""
        from calendar_tui.screens.help import HelpView

        self.push(HelpView(self, self.view.NAME))

    def action_palette(self) -> None:
        """Open the palette."""
        from calendar_tui.screens.palette import PaletteView

        self.push(PaletteView(self, self.view))

    async def action_confirm_hold(self) -> None:
        """Confirm the held change: the first key press shows what it would clear, the second confirms."""
        status = self.model.status
        held, is_dry = (status.held, status.dry_run) if status else (None, False)
        api = self.session.api
        if held is None or api is None:
            self.tell("No change is held.")
        elif self._to_confirm != held:
            self._to_confirm = held
            done = "to confirm; the dry run writes nothing" if is_dry else "to clear them"
            self.tell(f"{held_in_words(held)}. Press Y again {done}; any other key cancels.")
        else:
            self._to_confirm = None
            try:
                await EngineRequests(api).confirm_hold()
            except ClientFailure as failure:
                self.tell(f"{failure}. {failure.remedy}")
            else:
                self.tell(confirmed_in_words(dry_run=is_dry))

    def action_theme(self) -> None:
        """Switch to the next theme."""
        self.app.next_theme()  # type: ignore[attr-defined]

    def action_quit(self) -> None:
        """Quit the program."""
        self.app.exit()

    # What happens

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Tell the view what was chosen."""
        if event.view is self.main:
            self.view.chosen(event.key)
        elif event.view.id == "pane":
            self.view.pane_chosen(event.key)

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        """Draw what depends on the cursor."""
        if event.view is self.main and self._stack:
            self.view.moved()
            self.draw()

    def on_click(self, event: events.Click) -> None:
        """Remove the message from the footer."""
        if self._message:
            self.tell("")

    def on_screen_resume(self) -> None:
        """Show the changes made meanwhile."""
        self.draw()

    def on_resize(self, event: events.Resize) -> None:
        """Draw everything for the new size."""
        self.call_after_refresh(self.draw)

    # What views have done in the background

    def run(self, view: View, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Run something in the background; it replaces what runs in the same group, and ends with the view."""
        name = f"{view.NAME} {id(view)} {group}"
        self._groups.setdefault(view, set()).add(name)
        _: Worker[None] = self.run_worker(work, group=name, exclusive=True)

    def end(self, view: View, group: str) -> None:
        """End what runs in a group."""
        self.workers.cancel_group(self, f"{view.NAME} {id(view)} {group}")

    def after_drawing(self, call: Callable[[], None]) -> None:
        """Call something when everything is drawn."""
        self.call_after_refresh(call)

    def give_focus(self, widget: Widget) -> None:
        """Give the focus to a widget of the view's container."""
        self.set_focus(widget)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something after a while."""
        self.set_timer(seconds, call)

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal."""
        self.app.copy_to_clipboard(text)
