"""The view after the set-up: what is on, where to look, how to back up and how to remove it."""

from typing import ClassVar

from calendar_tui.commands.setup import FINISHED
from calendar_tui.documents.setup_start import LEARN, LIVE, OVERVIEW, finished
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.private_files import write_here
from calendar_tui.screens.setup_start import ANSWERS
from calendar_tui.screens.view import Shell, View, path
from engine.api.errors import ClientFailure
from engine.api.resources.setup import SetupRequests
from engine.api.schema.setup import SetupApplied


class FinishedView(View):
    """Says what was `applied`, and leads on."""

    NAME: ClassVar[str] = FINISHED
    ENTER: ClassVar[str] = "open"

    def __init__(self, shell: Shell, applied: SetupApplied) -> None:
        super().__init__(shell)
        self._applied = applied
        self._at = shell.model.now

    def row(self) -> Row:
        """Return where one is."""
        return path("Set-up", "Finished")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return what is on."""
        since = (each.at for each in self.model.changes if each.at >= self._at and each.presence is not None)
        first = min(since, default=None)
        return Sheet(finished(self._applied, self._at, first, self.model.zone, width))

    def chosen(self, key: str) -> None:
        """Lead on."""
        if key == OVERVIEW:
            self.shell.open_view(OVERVIEW)
        elif key == LEARN:
            self.shell.set_up("learn")
        elif key == LIVE:
            self.shell.carry_out("go_live")

    async def action_answers(self) -> None:
        """Write the answers to a file, without secrets."""
        api = self.shell.session.api
        if api is None:
            return
        try:
            found = await SetupRequests(api).answers_file()
        except ClientFailure as failure:
            self.tell_failure(failure)
        else:
            self.tell(await write_here(ANSWERS, found.text.encode()))
