"""Which secrets there are, and putting others in; none of them is ever shown."""

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input

from calendar_tui.commands.bindings import view_bindings
from calendar_tui.screens.settings import SettingsView
from calendar_tui.screens.view import READING_ONLY, Shell, View
from calendar_tui.state.settings.secrets import secrets_document, stored
from calendar_tui.widgets.filter_line import FilterLine, SecretLine
from calendar_tui.widgets.line_view import LineView
from engine.api.client.failures import ClientFailure
from engine.api.client.settings import SettingsRequests
from engine.api.schema.secrets import SecretOrigins


class SecretsView(View):
    """Names, where they come from and how old they are; what is typed is not echoed."""

    NAME = "secrets"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Shell, settings: SettingsView) -> None:
        super().__init__(shell)
        self._settings = settings
        self._secrets: SecretOrigins | None = None
        self._said = "Asking the engine ..."
        self._chosen = ""

    def content(self) -> ComposeResult:
        """The names, and what is typed without an echo."""
        yield self.lines("main", cursor=True)
        yield SecretLine("the new secret; it is not shown", id="value")

    def refresh_content(self) -> None:
        """Show what there is."""
        document = self.saying(self._said) if self._secrets is None else secrets_document(self._secrets)
        self.line_view("main").show(document)

    def path(self) -> str:
        """Two steps from the beginning."""
        return "calendar-tui > Settings > Secrets"

    @property
    def desk(self) -> SettingsRequests | None:
        """The settings of the engine, while there is one."""
        return self._settings.desk

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Begin to type another secret."""
        if not self.model.may_change:
            self.tell(READING_ONLY)
            return
        self._chosen = event.key
        self.query_one("#value", FilterLine).open()
        self.tell(f"Type {event.key}; Enter stores it, Esc leaves it.")

    @on(Input.Submitted, "#value")
    async def _typed(self, event: Input.Submitted) -> None:
        if self.desk is None or not event.value:
            self._close()
            return
        try:
            changed = await self.desk.put_secret(self._chosen, event.value)
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
        else:
            self._close()
            self.tell(stored(changed))
            self.ask()

    async def action_drop(self) -> None:
        """Remove the stored secret under the cursor."""
        name = self.line_view("main").cursor_key
        if self.desk is None or not name:
            return
        try:
            await self.desk.drop_secret(name)
            self.tell(f"{name} is not stored any more.")
        except ClientFailure as failure:
            self.tell(f"{failure}. {failure.remedy}")
        self.ask()

    def action_back(self) -> None:
        """Forget what is typed, or leave."""
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
        """Ask the engine."""
        if self.desk is None:
            return
        try:
            self._secrets = await self.desk.secrets()
        except ClientFailure as failure:
            self._said = f"{failure}. {failure.remedy}"
        message = self.message
        self.show()
        self.tell(message)
