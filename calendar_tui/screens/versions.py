"""The versions of the settings there were, and going back to one of them."""

from textual import work
from textual.app import ComposeResult

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.settings import SettingsView
from calendar_tui.screens.view import Shell, View
from calendar_tui.state.settings.review import what_became_of_it
from calendar_tui.state.settings.versions import versions_document
from engine.api.client.failures import ClientFailure
from engine.api.schema.settings import SettingsVersions


class VersionsView(View):
    """Who changed what and when."""

    NAME = "versions"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Shell, settings: SettingsView) -> None:
        super().__init__(shell)
        self._settings = settings
        self._versions: SettingsVersions | None = None
        self._said = "Asking the engine ..."

    def content(self) -> ComposeResult:
        """One list of lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the versions."""
        main, width = self.line_view("main"), self.app.size.width
        if self._versions is None:
            main.show(self.saying(self._said))
            return
        settings = self._settings.settings
        current = settings.version.id if settings and settings.version else None
        main.show(versions_document(self._versions, current, width, self.model.zone))

    def path(self) -> str:
        """Two steps from the beginning."""
        return "calendar-tui > Settings > History"

    async def action_roll_back(self) -> None:
        """Go back to the version under the cursor."""
        desk, key = self._settings.desk, self.line_view("main").cursor_key
        if desk is None or not key:
            return
        try:
            changed = await desk.roll_back(int(key))
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
            return
        self._settings.load()
        self.shell.go_back()
        self._settings.tell(what_became_of_it(changed))

    @work(exclusive=True)
    async def ask(self) -> None:
        """Ask the engine."""
        if self._settings.desk is None:
            return
        try:
            self._versions = await self._settings.desk.versions()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        self.show()
