"""The dialogs of the settings: review and apply a draft, go back to a version, store secrets."""

from typing import Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input

from calendar_tui.commands.registry import view_bindings
from calendar_tui.screens.screen import READING_ONLY, BaseScreen, Navigator
from calendar_tui.widgets.inputs import FilterLine, SecretLine
from calendar_tui.widgets.line_view import LineView
from engine.api.errors import ClientFailure, RequestRefused
from engine.api.resources.settings import SettingsRequests
from engine.api.schema.preview import Preview
from engine.api.schema.secrets import SecretOrigins
from engine.api.schema.settings import Settings, SettingsCheck, SettingsVersions
from engine.documents.settings import (
    change_outcome,
    review_document,
    secrets_document,
    stored,
    versions_document,
)
from engine.documents.settings_draft import Draft

PRESENCE = "presence."
STALE = 412
"""The HTTP status if the settings have changed in the meantime (RFC 9110: 412)."""


class EditedSettings(Protocol):
    """The interface of the settings screen for its dialogs."""

    draft: Draft
    settings: Settings | None

    @property
    def api(self) -> SettingsRequests | None:
        """The settings requests to the engine, None while it is unreachable."""
        ...

    def take(self, draft: Draft) -> None:
        """Replace the draft, and check it."""
        ...

    def load(self) -> object:
        """Start requesting the settings."""
        ...

    async def reload(self) -> None:
        """Request the settings, and show them."""
        ...

    def tell(self, message: str) -> None:
        """Show a message on the settings screen."""
        ...


class ReviewScreen(BaseScreen):
    """The review of a draft of `settings`: differences, interruptions, and users whose presence would change."""

    NAME = "review"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, settings: EditedSettings) -> None:
        super().__init__(shell)
        self._settings = settings
        self._found: SettingsCheck | None = None
        self._preview: Preview | None = None
        self._remark = ""

    def content(self) -> ComposeResult:
        """Return the widget for the lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the review."""
        document = review_document(self._found, self._preview, self._remark, self.app.size.width)
        self.line_view("main").show(document)

    def breadcrumb(self) -> str:
        """Return the title and its parents."""
        return "calendar-tui > Settings > Changes"

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open a user whose presence would change."""
        self.shell.open_user(event.key)

    async def action_apply(self, confirm_within: float | None = None) -> None:
        """Apply the draft, permanently or on trial."""
        api, settings = self._settings.api, self._settings.settings
        if api is None or settings is None:
            return
        if self._found is not None and not self._found.valid:
            self.tell("These changes cannot be applied; Esc goes back to the settings.")
            return
        try:
            changed = await api.change(self._settings.draft.changes, settings.etag, confirm_within)
        except ClientFailure as failure:
            if isinstance(failure, RequestRefused) and failure.status == STALE:
                await self._look_again()
            else:
                self.tell(f"{failure}. {failure.remedy}")
            return
        self._settings.take(Draft())
        self.shell.go_back()
        self._settings.tell(change_outcome(changed))

    async def _look_again(self) -> None:
        self.tell("Someone else changed the settings in the meantime. This is what your changes do to them now.")
        await self._settings.reload()
        self.ask()

    @work(exclusive=True)
    async def ask(self) -> None:
        """Request the content from the engine."""
        api = self._settings.api
        if api is None:
            return
        self._remark = ""
        try:
            self._found = await api.check(self._settings.draft.changes)
            self.show()
            await self._look_ahead(api)
        except ClientFailure as failure:
            self._remark = f"{failure}. {failure.remedy}"
        self.show()

    async def _look_ahead(self, api: SettingsRequests) -> None:
        changes = {key: each for key, each in self._settings.draft.changes.items() if key.startswith(PRESENCE)}
        about = self.model.about
        if not changes:
            self._remark = "None: no presence setting changes."
        elif about is None or "preview" not in about.capabilities or not self.model.may_change:
            self._remark = "This engine cannot show a preview."
        elif self._found is not None and self._found.valid:
            self._preview = await api.preview(changes)


class VersionsScreen(BaseScreen):
    """Shows the versions with author, time and changes."""

    NAME = "versions"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, settings: EditedSettings) -> None:
        super().__init__(shell)
        self._settings = settings
        self._versions: SettingsVersions | None = None
        self._said = "Asking the engine ..."

    def content(self) -> ComposeResult:
        """Return the widget for the lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the versions."""
        main, width = self.line_view("main"), self.app.size.width
        if self._versions is None:
            main.show(self.placeholder(self._said))
            return
        settings = self._settings.settings
        current = settings.version.id if settings and settings.version else None
        main.show(versions_document(self._versions, current, width, self.model.zone))

    def breadcrumb(self) -> str:
        """Return the title and its parents."""
        return "calendar-tui > Settings > History"

    async def action_roll_back(self) -> None:
        """Roll back to the version under the cursor."""
        api, key = self._settings.api, self.line_view("main").cursor_key
        if api is None or not key:
            return
        try:
            changed = await api.roll_back(int(key))
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
            return
        self._settings.load()
        self.shell.go_back()
        self._settings.tell(change_outcome(changed))

    @work(exclusive=True)
    async def ask(self) -> None:
        """Request the content from the engine."""
        if self._settings.api is None:
            return
        try:
            self._versions = await self._settings.api.versions()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()


class SecretsScreen(BaseScreen):
    """Shows the names of the secrets, their sources and ages, and stores new ones; the input is not echoed."""

    NAME = "secrets"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator, settings: EditedSettings) -> None:
        super().__init__(shell)
        self._settings = settings
        self._secrets: SecretOrigins | None = None
        self._said = "Asking the engine ..."
        self._chosen = ""

    def content(self) -> ComposeResult:
        """Return the list of names and the input field."""
        yield self.lines("main", cursor=True)
        yield SecretLine("the new secret; it is not shown", id="value")

    def refresh_content(self) -> None:
        """Update the list of secrets."""
        document = self.placeholder(self._said) if self._secrets is None else secrets_document(self._secrets)
        self.line_view("main").show(document)

    def breadcrumb(self) -> str:
        """Return the title and its parents."""
        return "calendar-tui > Settings > Secrets"

    @property
    def api(self) -> SettingsRequests | None:
        """The settings requests to the engine, None while it is unreachable."""
        return self._settings.api

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open the input field for a new secret."""
        if not self.model.may_change:
            self.tell(READING_ONLY)
            return
        self._chosen = event.key
        self.query_one("#value", FilterLine).open()
        self.tell(f"Type {event.key}; Enter stores it, Esc cancels.")

    @on(Input.Submitted, "#value")
    async def _typed(self, event: Input.Submitted) -> None:
        if self.api is None or not event.value:
            self._close()
            return
        try:
            changed = await self.api.put_secret(self._chosen, event.value)
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
        else:
            self._close()
            self.tell(stored(changed))
            self.ask()

    async def action_drop(self) -> None:
        """Remove the stored secret under the cursor."""
        name = self.line_view("main").cursor_key
        if self.api is None or not name:
            return
        try:
            await self.api.drop_secret(name)
            self.tell(f"{name} is no longer stored.")
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
        self.ask()

    def action_back(self) -> None:
        """Discard the input, or else close the screen."""
        if self.query_one("#value", FilterLine).is_open:
            self._close()
        else:
            super().action_back()

    def _close(self) -> None:
        typed = self.query_one("#value", FilterLine)
        typed.fill("")
        typed.close()
        self.line_view("main").focus()

    @work(exclusive=True)
    async def ask(self) -> None:
        """Request the content from the engine."""
        if self.api is None:
            return
        try:
            self._secrets = await self.api.secrets()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        message = self.message
        self.show()
        self.tell(message)
