"""The help of a view."""

from calendar_tui.documents.frame import help_document
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.screens.view import Shell, View, path
from engine.documents.vendor import VENDOR_SETTINGS, vendor_document


class HelpView(View):
    """Lists the keys of a view, from the registry of commands; Enter does what the line says."""

    NAME = "help"
    ENTER = "do it"

    def __init__(self, shell: Shell, about: str) -> None:
        super().__init__(shell)
        self._about = about

    def row(self) -> Row:
        """Return the title."""
        return path("Keys and signs")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the keys."""
        return Sheet(help_document(self._about, width))

    def chosen(self, key: str) -> None:
        """Go back, and run the command of the line."""
        self.shell.go_back()
        self.shell.run_command(*key.split(":"))

    def action_help(self) -> None:
        """Close it, with the same key that opened it."""
        self.shell.go_back()


class VendorView(View):
    """Lists the settings of the vendor's Calendar App, and which of ours correspond; Enter opens one."""

    NAME = "vendor"

    def row(self) -> Row:
        """Return the path."""
        return path("Settings", "by the names in the innovaphone Calendar App")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the vendor's settings."""
        return Sheet(vendor_document(VENDOR_SETTINGS, width))

    def chosen(self, key: str) -> None:
        """Open the setting."""
        self.shell.open_setting(key)
