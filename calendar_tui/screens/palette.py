"""The palette, which finds by its name whatever can be done, shown or set."""

from calendar_tui.commands.palette import Entry, Kind, entries, found
from calendar_tui.documents.frame import palette_document
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.model import Query
from calendar_tui.screens.view import Question, Shell, View
from engine.api.errors import ClientFailure
from engine.api.resources.settings import SettingsRequests
from engine.api.schema.settings import Setting


class PaletteView(View):
    """A field for words above what they find; `below` is the view whose commands come first."""

    NAME = "palette"
    ENTER = "do it"

    def __init__(self, shell: Shell, below: View) -> None:
        super().__init__(shell)
        self._below = below
        self._words = ""
        self._settings: tuple[Setting, ...] = ()

    def row(self) -> Row:
        """Return nothing: the field takes the place."""
        return Row()

    def sheet(self, width: int, height: int) -> Sheet:
        """Return what the words find."""
        return Sheet(palette_document(self._found(), width))

    def ask(self) -> None:
        """Open the field, and request the settings."""
        self.run(self._ask, "ask")
        self.shell.ask(
            Question("› ", entered=self._entered, hint="what do you look for?", typed=self._typed, left=self._left)
        )

    def chosen(self, key: str) -> None:
        """Do what the line says, where it can be done."""
        entry = next((each for each in self._found() if each.key == key), None)
        if entry is not None:
            self.shell.go_back()
            self._carry_out(entry)

    def _carry_out(self, entry: Entry) -> None:
        name = entry.key.partition(":")[2]
        match entry.kind:
            case Kind.COMMAND:
                place, _, command = name.partition(":")
                self.shell.run_command(place, command)
            case Kind.HELP:
                self.shell.open_help(name)
            case Kind.USER:
                self.shell.open_user(name)
            case Kind.SETTING:
                self.shell.open_setting(name)
            case Kind.PROBLEM:
                self.shell.open_users(Query(problem=name, problem_title=entry.title))

    def _found(self) -> list[Entry]:
        return found(entries(self.model, self._below.NAME, self._below.hindrance, self._settings), self._words)

    def _typed(self, words: str) -> None:
        self._words = words
        self.place.was_moved = False
        self.show()

    def _entered(self, _: str) -> bool:
        key = self.shell.main.cursor_key
        if key:
            self.chosen(key)
        return False

    def _left(self) -> None:
        self.shell.go_back()

    async def _ask(self) -> None:
        api = self.shell.session.api
        if api is not None:
            try:
                self._settings = (await SettingsRequests(api).all()).settings
            except ClientFailure:
                return  # it finds the rest
            self.show()
