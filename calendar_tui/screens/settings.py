"""The screen of the settings; its content comes from engine.documents.settings."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import Input

from calendar_tui.commands.registry import view_bindings
from calendar_tui.screens.screen import READING_ONLY, BaseScreen, Navigator
from calendar_tui.widgets.inputs import FilterLine
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure
from engine.api.resources.settings import SettingsRequests
from engine.api.schema.settings import Setting, SettingProblem, Settings
from engine.documents.lines import Document
from engine.documents.settings import help_document, rollback_outcome, settings_document, state_lines
from engine.documents.settings_draft import Draft, setting_of, typed, words_of, written

T = TypeVar("T")

TICK = 1.0
"""Seconds between two updates of the countdown while a change awaits confirmation."""


class SettingsScreen(BaseScreen):
    """Shows every setting with its help; changes are collected in a draft, checked as they are typed, and reviewed."""

    NAME = "settings"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator) -> None:
        super().__init__(shell)
        self.draft = Draft()
        self.settings: Settings | None = None
        self._words = ""
        self._said = "Asking the engine ..."
        self._problems: tuple[SettingProblem, ...] = ()
        self._edited: Setting | None = None
        self._audits = -1
        self._countdown: Timer | None = None

    def content(self) -> ComposeResult:
        """Return the filter, the notices, the list of settings, the input field and the help."""
        yield FilterLine("words in the name, the help or the value of a setting")
        yield self.lines("state", "as-needed")
        yield self.lines("main", cursor=True)
        yield FilterLine("", id="value")
        yield self.lines("help", "as-needed")

    def on_screen_resume(self) -> None:
        """Request the settings again, in case another program has changed them."""
        super().on_screen_resume()
        self.load()

    def ask(self) -> None:
        """Request the settings, for instance after the engine is back."""
        self.load()

    def refresh_content(self) -> None:
        """Show the settings, including the draft."""
        if self.settings is None:
            self.line_view("main").show(self.placeholder(self._said))
            return
        if self.model.audits != self._audits:
            self._audits = self.model.audits
            self.load()
        width = self.app.size.width
        self.line_view("main").show(settings_document(self.settings, self.draft, self._words, width))
        self._show_state(self.settings, width)
        self._show_help(width)

    def breadcrumb(self) -> str:
        """Return the title and its parent."""
        return "calendar-tui > Settings"

    def position(self) -> str:
        """Return the path of the settings file."""
        return self.settings.file if self.settings else ""

    def take(self, draft: Draft) -> None:
        """Replace the draft, and check it."""
        self.draft = draft
        self._problems = ()
        self._check(draft)
        self.show()

    @property
    def api(self) -> SettingsRequests | None:
        """The settings requests to the engine, None while it is unreachable."""
        return SettingsRequests(self.shell.session.api) if self.shell.session.api is not None else None

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        """Show the help of the setting under the cursor."""
        super().on_line_view_moved(event)
        if self._edited is None and self.settings is not None:
            self._show_help(self.app.size.width)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open the input field for another value."""
        setting = self._setting()
        if setting is None:
            return
        if not self.model.may_change:
            self.tell(READING_ONLY)
            return
        self._edited = setting
        value = self.query_one("#value", FilterLine)
        value.fill(written(self.draft.value(setting)))
        value.cursor_position = len(value.value)
        value.open()
        self.show()

    @on(Input.Changed, "#value")
    def _typed(self, event: Input.Changed) -> None:
        if self._edited is not None:
            self.take(self.draft.with_value(self._edited, typed(event.value, self._edited)))

    @on(Input.Submitted, "#value")
    async def _entered(self) -> None:
        await self._ask_about(self.draft)
        if self._edited is not None and any(each.key == self._edited.key for each in self._problems):
            self.tell("Invalid value; Esc discards it.")
        else:
            self._close()

    @on(Input.Changed, "#filter")
    def _narrowed(self, event: Input.Changed) -> None:
        self._words = event.value
        self.show()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self._close()

    def action_filter(self) -> None:
        """Open the filter."""
        self.query_one("#filter", FilterLine).open()

    def action_back(self) -> None:
        """Close the input field, else clear the filter, else close the screen."""
        if self._edited is not None:
            self.take(self.draft.without(self._edited.key))
            self._close()
        elif self.query_one("#filter", FilterLine).is_open or self._words:
            self._words = ""
            self.query_one("#filter", FilterLine).fill("")
            self._close()
        else:
            super().action_back()

    def action_next_value(self) -> None:
        """Switch to the next of the possible values."""
        setting = self._setting()
        words = words_of(setting) if setting is not None and not setting.many else ()
        if setting is None or not words:
            self.tell("This setting has no fixed list of values: press Enter to type one.")
            return
        now = written(self.draft.value(setting))
        following = words[(words.index(now) + 1) % len(words) if now in words else 0]
        self.take(self.draft.with_value(setting, typed(following, setting)))

    def action_undo(self) -> None:
        """Undo the change under the cursor."""
        self.take(self.draft.without(self.line_view("main").cursor_key))

    def action_undo_all(self) -> None:
        """Undo every change of the draft."""
        self.take(Draft())

    def action_review(self) -> None:
        """Open the review of the draft."""
        from calendar_tui.screens.settings_dialogs import ReviewScreen

        if self.draft:
            self.app.push_screen(ReviewScreen(self.shell, self))
        else:
            self.tell("Nothing to review yet: Enter changes the setting under the cursor.")

    def action_versions(self) -> None:
        """Open the history of versions."""
        from calendar_tui.screens.settings_dialogs import VersionsScreen

        self.app.push_screen(VersionsScreen(self.shell, self))

    def action_secrets(self) -> None:
        """Open the list of secrets."""
        from calendar_tui.screens.settings_dialogs import SecretsScreen

        self.app.push_screen(SecretsScreen(self.shell, self))

    async def action_keep(self) -> None:
        """Confirm the last change."""
        if self.api is not None:
            await self._change(self.api.keep(), lambda _: "The change is kept.")

    async def action_roll_back(self) -> None:
        """Roll back to the previous version."""
        if self.api is not None and self.settings is not None:
            await self._change(self.api.roll_back(self.settings.offered), rollback_outcome)

    async def _change(self, asked: Awaitable[T], said: Callable[[T], str]) -> None:
        try:
            answer = await asked
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
        else:
            self.load()
            self.tell(said(answer))

    def _setting(self) -> Setting | None:
        return setting_of(self.settings, self.line_view("main").cursor_key) if self.settings else None

    def _close(self) -> None:
        self._edited = None
        for each in self.query(FilterLine):
            each.close()
        self.set_focus(self.line_view("main"))
        self.show()

    def _show_state(self, settings: Settings, width: int) -> None:
        until = settings.version.confirm_until if settings.version else None
        self.show_as_needed("state", state_lines(settings, self.draft, until, self.model.now, width))
        if until is not None and self._countdown is None:
            self._countdown = self.set_interval(TICK, self._tick)
        elif until is None and self._countdown is not None:
            self._countdown.stop()
            self._countdown = None

    def _tick(self) -> None:
        until = self.settings.version.confirm_until if self.settings and self.settings.version else None
        if until is not None and self.model.now > until:
            self.load()
        if self.is_current:
            self.show()

    def _show_help(self, width: int) -> None:
        setting = self._edited or self._setting()
        self.show_as_needed(
            "help", help_document(setting, self.draft, self._problems, width) if setting else Document()
        )

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        """Start requesting the settings."""
        await self.reload()

    async def reload(self) -> None:
        """Request the settings, and show them."""
        if self.api is None:
            return
        try:
            self.settings = await self.api.all()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()

    @work(exclusive=True, group="check")
    async def _check(self, draft: Draft) -> None:
        """Check the draft while it is typed; only the last check counts."""
        await self._ask_about(draft)

    async def _ask_about(self, draft: Draft) -> None:
        if self.api is None or not draft:
            return
        try:
            check = await self.api.check(draft.changes)
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
            return
        self._problems = check.problems
        self.show()
