"""The view of the settings; its content comes from engine.documents.settings."""

from functools import partial

from calendar_tui.documents.setup_entry import change_lines, flow_of
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.view import READING_ONLY, Question, Shell, View, remark
from engine.api.errors import ClientFailure
from engine.api.resources.settings import SettingsRequests
from engine.api.schema.settings import Setting, SettingProblem, Settings
from engine.documents.lines import Document, Role, Span
from engine.documents.settings import help_document, settings_document, state_lines
from engine.documents.settings_draft import Draft, setting_of, typed, words_of, written

LONGEST_PATH = 44
"""The longest end of the path of the file that is shown."""

VALUES = 36
"""The column before the one in which values begin."""


def _end(path: str) -> str:
    """Return the end of a long path."""
    return path if len(path) <= LONGEST_PATH else "…" + path[1 - LONGEST_PATH :]


class SettingsView(View):
    """Shows every setting with its help; changes are collected in a draft, checked as they are typed, and reviewed."""

    NAME = "settings"
    TAB = NAME
    ENTER = "edit"

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.draft = Draft()
        self.settings: Settings | None = None
        self._words = ""
        self._said = "Asking the engine ..."
        self._problems: tuple[SettingProblem, ...] = ()
        self._edited: Setting | None = None
        self._audits = -1
        self._sought = ""

    def row(self) -> Row:
        """Return the number of settings with the filter, and the path of the settings file."""
        if self.settings is None:
            return Row((Span("Settings"),))
        chip = (Span("   "), Span(f"[{self._words}]", Role.CHIP)) if self._words else ()
        return Row((Span(f"{len(self.settings.settings)} settings"), *chip), _end(self.settings.file))

    def ask(self) -> None:
        """Request the settings, in case another program has changed them."""
        self.load()

    def shown(self) -> None:
        """Request the settings again when a dialogue has been left."""
        self.load()

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the settings, including the draft, with the help of the one under the cursor."""
        settings = self.settings
        if settings is None:
            return Sheet(remark(self._said, width))
        if self.model.audits != self._audits:
            self._audits = self.model.audits
            self.load()
        until = settings.version.confirm_until if settings.version else None
        sought, self._sought = self._sought, ""
        return Sheet(
            self._lines(settings, width),
            heads=state_lines(settings, self.draft, until, self.model.now, width),
            foot=self._help(width),
            cursor=sought,
        )

    def _lines(self, settings: Settings, width: int) -> Document:
        """Return the settings, and below them the changes that the set-up helps with."""
        found = settings_document(settings, self.draft, self._words, width)
        return Document([*found, *change_lines(self._words)])

    def seek(self, key: str) -> None:
        """Put the cursor on a setting."""
        self._words, self._sought = "", key
        self.show()

    def take(self, draft: Draft) -> None:
        """Replace the draft, and check it."""
        self.draft = draft
        self._problems = ()
        self.run(partial(self._ask_about, draft), "check")
        self.show()

    @property
    def api(self) -> SettingsRequests | None:
        """The settings requests to the engine, None while it is unreachable."""
        return SettingsRequests(self.shell.session.api) if self.shell.session.api is not None else None

    def chosen(self, key: str) -> None:
        """Ask for another value, or open the set-up."""
        flow, setting = flow_of(key), self._setting()
        if not self.model.may_change:
            self.tell(READING_ONLY)
        elif flow is not None:
            self.shell.set_up(flow)
        elif setting is not None:
            self._edit(setting, key)

    def _edit(self, setting: Setting, key: str) -> None:
        """Ask for another value in the row of the setting."""
        self._edited = setting
        self.shell.ask(
            Question(
                "",
                entered=self._entered,
                text=written(self.draft.value(setting)),
                typed=self._typed,
                left=self._discard,
                at=key,
                indent=VALUES,
            )
        )

    def _typed(self, text: str) -> None:
        if self._edited is not None:
            self.take(self.draft.with_value(self._edited, typed(text, self._edited)))

    async def _entered(self, _: str) -> bool:
        await self._ask_about(self.draft)
        if self._edited is not None and any(each.key == self._edited.key for each in self._problems):
            self.tell("Invalid value; Esc discards it.")
            return False
        self._edited = None
        return True

    def _discard(self) -> None:
        edited, self._edited = self._edited, None
        if edited is not None:
            self.take(self.draft.without(edited.key))

    def action_filter(self) -> None:
        """Ask for words in the name, the help or the value of a setting."""
        self.shell.ask(
            Question(
                "/ ",
                entered=lambda _: True,
                text=self._words,
                hint="words in the name, the help or the value of a setting",
                typed=self._narrow,
                left=lambda: self._narrow(""),
            )
        )

    def _narrow(self, words: str) -> None:
        self._words = words
        self.show()

    def action_back(self) -> None:
        """Clear the filter, or else leave the view."""
        if self._words:
            self._narrow("")
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

    def action_show_file(self) -> None:
        """Show the whole path of the settings file."""
        if self.settings is not None:
            self.tell(self.settings.file)

    def action_undo(self) -> None:
        """Undo the change under the cursor."""
        self.take(self.draft.without(self.place.key))

    def action_undo_all(self) -> None:
        """Undo every change of the draft."""
        self.take(Draft())

    def action_review(self) -> None:
        """Open the review of the draft."""
        from calendar_tui.screens.settings_dialogs import ReviewView

        if self.draft:
            self.shell.push(ReviewView(self.shell, self))
        else:
            self.tell("Nothing to review yet: Enter changes the setting under the cursor.")

    def action_versions(self) -> None:
        """Open the history of versions."""
        from calendar_tui.screens.settings_dialogs import VersionsView

        self.shell.push(VersionsView(self.shell, self))

    def action_secrets(self) -> None:
        """Open the list of secrets."""
        from calendar_tui.screens.settings_dialogs import SecretsView

        self.shell.push(SecretsView(self.shell, self))

    def _setting(self) -> Setting | None:
        return setting_of(self.settings, self.place.key) if self.settings else None

    def _help(self, width: int) -> Document:
        setting = self._edited or self._setting()
        return help_document(setting, self.draft, self._problems, width) if setting else Document()

    def load(self) -> None:
        """Start requesting the settings."""
        self.run(self.reload, "load")

    async def reload(self) -> None:
        """Request the settings, and show them."""
        if self.api is None:
            return
        try:
            self.settings = await self.api.all()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()

    async def _ask_about(self, draft: Draft) -> None:
        if self.api is None or not draft:
            return
        try:
            check = await self.api.check(draft.changes)
        except ClientFailure as failure:
            self.tell_failure(failure)
            return
        self._problems = check.problems
        self.show()
