"""The one screen of the program: it stays mounted, and views only say what is in it."""

import os
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from inspect import isawaitable
from typing import TypeVar

from textual import actions, events
from textual.app import SuspendNotSupported
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import Worker

from calendar_tui.commands import registry
from calendar_tui.commands.command import EVERYWHERE, LIST, Command
from calendar_tui.model import Model, Query
from calendar_tui.screens.backing_up import BackingUp
from calendar_tui.screens.drawn_screen import DrawnScreen
from calendar_tui.screens.going_live import GoingLive
from calendar_tui.screens.view import View
from calendar_tui.session import EngineSession
from calendar_tui.terminal import TerminalCapabilities, ThemeName, show_in_pager
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.resources.engine import EngineRequests, UsersOperation
from engine.api.schema import HeldChange, ResyncQuestion
from engine.api.schema.checks import CheckSide
from engine.api.schema.setup import FlowName
from engine.documents.status import confirmed_in_words, held_in_words

V = TypeVar("V", bound=View)


class Frame(DrawnScreen):
    """Opens views and runs their commands; the lowest of the stack of views is the first main view."""

    def __init__(
        self,
        model: Model,
        session: EngineSession,
        look: TerminalCapabilities,
        main_views: "Mapping[str, Callable[[Frame], View]]",
    ) -> None:
        super().__init__(model, session, look, tuple(main_views))
        self._makers = main_views
        self._main_views: dict[str, View] = {}
        self._groups: dict[View, set[str]] = {}
        self._to_confirm: HeldChange | None = None
        self._backing_up = BackingUp(self)
        self._going_live = GoingLive(lambda: session.api, self.tell, self.tell_failure)

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
                self.main.place = self.view.place
                self.put_place_beside()
                self._focus_main()
                self.view.shown()
                self.view.ask()
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

    def run_command(self, place: str, name: str) -> None:
        """Run a command of any place by its name, after going there: to the user or log entry that was chosen last."""
        from calendar_tui.screens.log import LogView

        if place in ("", EVERYWHERE, self.view.NAME):
            self.action_command(name)
        elif place in self._makers:
            self.open_view(place)
            self.action_command(name)
        elif place == "user" and self.model.chosen_user:
            self.open_user(self.model.chosen_user)
            self.view.run(partial(self._run_when_ready, self.view, name), "command")
        elif place == "exchange" and self.model.chosen_entry is not None:
            entry = self.model.chosen_entry
            self.open_view(LogView.NAME)
            self.main_view(LogView).chosen(str(entry))
            self.view.run(partial(self._run_when_ready, self.view, name), "command")
        else:
            self.tell("Open that view first: the command is about what is selected there.")

    async def _run_when_ready(self, view: View, name: str) -> None:
        """Run a command of a view as soon as what it is about is known, unless another view is on top by then."""
        await view.ready()
        if view is self.view:
            self.action_command(name)

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
        return key in ("escape", "f1", "f5") or key.startswith("ctrl+") or (self.is_asking and key in ("up", "down"))

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
        if name == "back" and self.is_helping:
            self.help_beside(shown=False)
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
        """Show all keys: beside the view where there is room, and until it is pressed again."""
        if self.has_room_beside or self.is_helping:
            self.help_beside(shown=not self.is_helping)
        else:
            self.open_help(self.view.NAME)

    def open_help(self, place: str) -> None:
        """Show the keys of a view."""
        from calendar_tui.screens.help import HelpView

        self.push(HelpView(self, place))

    def action_back_up(self) -> None:
        """Make a backup."""
        self._backing_up.ask()

    def action_probe(self, side: CheckSide) -> None:
        """Check a connection step by step."""
        from calendar_tui.screens.probe import ProbeView

        self.push(ProbeView(self, side))

    def action_vendor(self) -> None:
        """Show which settings correspond to those of the vendor's Calendar App."""
        from calendar_tui.screens.help import VendorView

        self.push(VendorView(self))

    async def action_all_users(self, kind: UsersOperation) -> None:
        """Have the calendars of all users read again, or their mailboxes looked up."""
        await self.view.start_operation(lambda engine: engine.begin(kind, ResyncQuestion()))

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
                self.tell_failure(failure)
            else:
                self.tell(confirmed_in_words(dry_run=is_dry))

    async def action_go_live(self) -> None:
        """Have everybody's presences written."""
        await self._going_live.go()

    async def action_keep_trial(self) -> None:
        """Keep what awaits confirmation."""
        await self._going_live.keep()

    async def action_back_live(self) -> None:
        """Go back to what was before, or to a dry run."""
        await self._going_live.back()

    def action_theme(self) -> None:
        """Switch to the next theme."""
        self.app.next_theme()  # type: ignore[attr-defined]

    def action_draw_again(self) -> None:
        """Draw everything, whatever the terminal shows."""
        self.app.draw_again()  # type: ignore[attr-defined]

    def action_quit(self) -> None:
        """Quit the program."""
        self.app.exit()

    # What happens

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Tell the view what was chosen."""
        if event.view is self.main:
            self.view.chosen(event.key)
        elif event.view.id == "pane" and self.is_helping:
            self.run_command(*event.key.split(":"))
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

    @property
    def writes_anywhere(self) -> bool:
        """See Shell.writes_anywhere."""
        return self.app.writes_anywhere  # type: ignore[attr-defined,no-any-return]

    @property
    def starts_programs(self) -> bool:
        """Whether other programs may be started, from which one could get to a shell."""
        return self.app.starts_programs  # type: ignore[attr-defined,no-any-return]

    def page(self, text: str) -> None:
        """Show a text in the pager of the environment, in place of this program until it ends."""
        try:
            with self.app.suspend():
                mistake = show_in_pager(text, os.environ)
        except SuspendNotSupported:
            mistake = "The pager cannot have this terminal; y copies, w writes a file."
        else:
            self.app.refresh(layout=True)
        if mistake:
            self.tell(mistake)

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal."""
        self.app.copy_to_clipboard(text)
