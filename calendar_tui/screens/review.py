"""What a draft of settings would do, and putting it into force."""

from textual import work
from textual.app import ComposeResult

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.settings import SettingsView
from calendar_tui.screens.view import Shell, View
from calendar_tui.state.settings.draft import Draft
from calendar_tui.state.settings.review import review_document, what_became_of_it
from calendar_tui.widgets.line_view import LineView
from engine.api.client.failures import ClientFailure, RequestRefused
from engine.api.client.settings import SettingsRequests
from engine.api.schema.preview import Preview
from engine.api.schema.settings import SettingsCheck

PRESENCE = "presence."
STALE = 412
"""The HTTP status that says that the settings are others than those the changes were made to."""


class ReviewView(View):
    """The draft of `settings`: differences, what is interrupted, and whose presence would change."""

    NAME = "review"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Shell, settings: SettingsView) -> None:
        super().__init__(shell)
        self._settings = settings
        self._found: SettingsCheck | None = None
        self._preview: Preview | None = None
        self._remark = ""

    def content(self) -> ComposeResult:
        """One list of lines."""
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Show the review."""
        document = review_document(self._found, self._preview, self._remark, self.app.size.width)
        self.line_view("main").show(document)

    def path(self) -> str:
        """Two steps from the beginning."""
        return "calendar-tui > Settings > Changes"

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Go to a user whose presence would change."""
        self.shell.open_user(event.key)

    async def action_apply(self, confirm_within: float | None = None) -> None:
        """Put the draft into force, for good or until it is kept."""
        desk, settings = self._settings.desk, self._settings.settings
        if desk is None or settings is None:
            return
        if self._found is not None and not self._found.valid:
            self.tell("This cannot be applied; Esc goes back to the settings.")
            return
        try:
            changed = await desk.change(self._settings.draft.changes, settings.etag, confirm_within)
        except ClientFailure as failure:
            if isinstance(failure, RequestRefused) and failure.status == STALE:
                await self._look_again()
            else:
                self.tell(f"{failure}. {failure.remedy}")
            return
        self._settings.take(Draft())
        self.shell.go_back()
        self._settings.tell(what_became_of_it(changed))

    async def _look_again(self) -> None:
        self.tell("Somebody else has changed the settings meanwhile. This is what your changes do to them now.")
        await self._settings.reload()
        self.ask()

    @work(exclusive=True)
    async def ask(self) -> None:
        """Ask the engine."""
        desk = self._settings.desk
        if desk is None:
            return
        self._remark = ""
        try:
            self._found = await desk.check(self._settings.draft.changes)
            self.show()
            await self._look_ahead(desk)
        except ClientFailure as failure:
            self._remark = f"{failure}. {failure.remedy}"
        self.show()

    async def _look_ahead(self, desk: SettingsRequests) -> None:
        changes = {key: each for key, each in self._settings.draft.changes.items() if key.startswith(PRESENCE)}
        about = self.model.about
        if not changes:
            self._remark = "None: no presence setting is changed."
        elif about is None or "preview" not in about.capabilities or not self.model.may_change:
            self._remark = "This engine cannot tell."
        elif self._found is not None and self._found.valid:
            self._preview = await desk.preview(changes)
