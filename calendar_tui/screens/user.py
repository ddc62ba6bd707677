"""The view of one user; its content comes from engine.documents.user."""

from calendar_tui.documents.log_filter import conditions_of_user
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.private_files import write_here
from calendar_tui.screens.view import COPIED, Shell, View, path, remark
from engine.api.errors import ClientFailure, RequestRefused
from engine.api.resources.engine import EngineRequests, UsersOperation
from engine.api.schema import UserDetail, UserRow
from engine.documents.user import user_document, user_text

LONGEST_NAME = 100
"""Characters of a user's name in a file name: file systems allow 255 bytes."""


class UserView(View):
    """Shows one user; reloaded whenever the user's row in the list changes."""

    NAME = "user"

    def __init__(self, shell: Shell, guid: str) -> None:
        super().__init__(shell)
        self.guid = guid
        self._user: UserDetail | None = None
        self._row: UserRow | None = None
        self._failure = ""

    def row(self) -> Row:
        """Return the path, and the keys that lead to the users before and after."""
        name = (self._row.display_name or self._row.name) if self._row else "gone"
        return path("Users", name, right="] next [ prev")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return what is known of the user, and request newer details."""
        row = self.model.users.rows.get(self.guid)
        if row is not self._row:
            self._row = row
            self.ask()
        if self._user is None:
            return Sheet(remark(self._failure or "Asking the engine ...", width))
        return Sheet(user_document(self._user, self.model.now, self.model.zone, width))

    def follow(self, guid: str) -> None:
        """Show another user."""
        self.guid, self._user, self._row = guid, None, None
        self.show()

    async def action_have_done(self, kind: UsersOperation) -> None:
        """Have the calendar read again, or the mailbox looked up."""
        await self.start_operation(lambda engine: engine.begin_for(kind, self.guid))

    def action_entries(self) -> None:
        """Show this user's log entries."""
        if self._row is not None:
            self.shell.open_log(*conditions_of_user(self._row))

    def action_copy(self) -> None:
        """Copy everything to the clipboard of the terminal."""
        if self._user is not None:
            self.shell.copy(user_text(self._user, self.model.now, self.model.zone))
            self.tell(COPIED)

    async def action_save(self) -> None:
        """Write everything to a file that only this account can read."""
        if self._user is None:
            return
        text = user_text(self._user, self.model.now, self.model.zone)
        self.tell(await write_here(f"calendar-{self._user.name[:LONGEST_NAME]}.txt", text.encode()))

    def action_step(self, steps: int) -> None:
        """Go to the next or previous user of the list."""
        guid = self.shell.neighbour(self.guid, steps)
        if guid is None:
            self.tell("There are no more users in the list.")
        else:
            self.follow(guid)

    def ask(self) -> None:
        """Request the details from the engine."""
        self.run(self._ask, "ask")

    async def _ask(self) -> None:
        api = self.shell.session.api
        if api is None:
            return
        try:
            self._user = await EngineRequests(api).user(self.guid)
        except ClientFailure as failure:
            self._failure = f"{failure}. {failure.remedy}"
            if isinstance(failure, RequestRefused):
                self._user = None
        self.show()
