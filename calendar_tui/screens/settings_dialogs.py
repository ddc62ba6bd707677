"""The dialogs of the settings: review and apply a draft, go back to a version, store secrets."""

from typing import Protocol

from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.view import READING_ONLY, Question, Shell, View, path, remark
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


class ReviewView(View):
    """The review of a draft of `settings`: differences, interruptions, and users whose presence would change."""

    NAME = "review"

    def __init__(self, shell: Shell, settings: EditedSettings) -> None:
        super().__init__(shell)
        self._settings = settings
        self._found: SettingsCheck | None = None
        self._preview: Preview | None = None
        self._remark = ""

    def row(self) -> Row:
        """Return the path."""
        return path("Settings", "Changes", right="not applied")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the review."""
        return Sheet(review_document(self._found, self._preview, self._remark, width))

    def chosen(self, key: str) -> None:
        """Open a user whose presence would change."""
        self.shell.open_user(key)

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
                self.tell_failure(failure)
            return
        self._settings.take(Draft())
        self.shell.go_back()
        self._settings.tell(change_outcome(changed))

    async def _look_again(self) -> None:
        self.tell("Someone else changed the settings in the meantime. This is what your changes do to them now.")
        await self._settings.reload()
        self.ask()

    def ask(self) -> None:
        """Request the content from the engine."""
        self.run(self._ask, "ask")

    async def _ask(self) -> None:
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


class VersionsView(View):
    """Shows the versions with author, time and changes."""

    NAME = "versions"
    ENTER = "in full"

    def __init__(self, shell: Shell, settings: EditedSettings) -> None:
        super().__init__(shell)
        self._settings = settings
        self._versions: SettingsVersions | None = None
        self._said = "Asking the engine ..."

    def row(self) -> Row:
        """Return the path."""
        return path("Settings", "History")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the versions."""
        if self._versions is None:
            return Sheet(remark(self._said, width))
        settings = self._settings.settings
        current = settings.version.id if settings and settings.version else None
        return Sheet(versions_document(self._versions, current, width, self.model.zone))

    async def action_roll_back(self) -> None:
        """Roll back to the version under the cursor."""
        api, key = self._settings.api, self.place.key
        if api is None or not key:
            return
        try:
            changed = await api.roll_back(int(key))
        except ClientFailure as failure:
            self.tell_failure(failure)
            return
        self._settings.load()
        self.shell.go_back()
        self._settings.tell(change_outcome(changed))

    def ask(self) -> None:
        """Request the content from the engine."""
        self.run(self._ask, "ask")

    async def _ask(self) -> None:
        if self._settings.api is None:
            return
        try:
            self._versions = await self._settings.api.versions()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()


class SecretsView(View):
    """Shows the names of the secrets, their sources and ages, and stores new ones; the input is not echoed."""

    NAME = "secrets"
    ENTER = "new value"

    def __init__(self, shell: Shell, settings: EditedSettings) -> None:
        super().__init__(shell)
        self._settings = settings
        self._secrets: SecretOrigins | None = None
        self._said = "Asking the engine ..."

    def row(self) -> Row:
        """Return the path, and how secrets are kept."""
        return path("Settings", "Secrets", right="stored encrypted, never shown again")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the names, sources and ages of the secrets."""
        return Sheet(remark(self._said, width) if self._secrets is None else secrets_document(self._secrets))

    @property
    def api(self) -> SettingsRequests | None:
        """The settings requests to the engine, None while it is unreachable."""
        return self._settings.api

    def chosen(self, key: str) -> None:
        """Ask for a new secret."""
        if not self.model.may_change:
            self.tell(READING_ONLY)
            return

        async def store(value: str) -> bool:
            return await self._store(key, value)

        self.shell.ask(Question(f"new {key} ", entered=store, hint="not shown; Enter stores it", secret=True))

    async def _store(self, key: str, value: str) -> bool:
        if self.api is None or not value:
            return True
        try:
            changed = await self.api.put_secret(key, value)
        except ClientFailure as failure:
            self.tell_failure(failure)
            return False
        self.shell.stop_asking()
        self.tell(stored(changed))
        self.ask()
        return True

    def action_drop(self) -> None:
        """Ask whether to remove the stored secret under the cursor."""
        name = self.place.key
        stored = {each.name for each in self._secrets.secrets if each.stored_since} if self._secrets else set()
        if name and name not in stored:
            self.tell(f"{name} is not stored here: there is nothing to delete.")
        elif name:
            self.shell.confirm(f"Delete {name}? The engine cannot log in with it any more.", lambda: self._drop(name))

    async def _drop(self, name: str) -> None:
        if self.api is None:
            return
        try:
            await self.api.drop_secret(name)
            self.tell(f"{name} is no longer stored.")
        except ClientFailure as failure:
            self.tell_failure(failure)
        self.ask()

    def ask(self) -> None:
        """Request the content from the engine."""
        self.run(self._ask, "ask")

    async def _ask(self) -> None:
        if self.api is None:
            return
        try:
            self._secrets = await self.api.secrets()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()
