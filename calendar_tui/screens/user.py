"""The view of one user; its content comes from engine.documents.user."""

from calendar_tui.documents.log_filter import conditions_of_user
from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.private_files import write_here
from calendar_tui.screens.user_details import UserDetails
from calendar_tui.screens.view import COPIED, Shell, View, path, remark
from engine.api.resources.engine import UsersOperation
from engine.api.schema import UserDetail, UserRow
from engine.documents.user import user_document, user_text

LONGEST_NAME = 100
"""Characters of a user's name in a file name: file systems allow 255 bytes."""


class UserView(View):
    """Shows one user; reloaded whenever the user's row in the list changes."""

    NAME = "user"
    ENTER = "in full"

    def __init__(self, shell: Shell, guid: str) -> None:
        super().__init__(shell)
        self.guid = guid
        self._details = UserDetails(self)

    @property
    def _row(self) -> UserRow | None:
        """The user's row in the list."""
        return self.model.users.rows.get(self.guid)

    @property
    def _user(self) -> UserDetail | None:
        """All that is known of the user; newer details are requested."""
        return self._details.of(self.guid)

    def row(self) -> Row:
        """Return the path, and the keys that lead to the users before and after."""
        row = self._row
        return path("Users", (row.display_name or row.name) if row else "gone", right="] next [ prev")

    def sheet(self, width: int, height: int) -> Sheet:
        """Return what is known of the user; the rule for the appointment under the cursor is explained."""
        user = self._user
        if user is None:
            return Sheet(remark(self._details.failure or "Asking the engine ...", width))
        return Sheet(user_document(user, self.model.now, self.model.zone, width, self.shell.main.cursor_key))

    def hidden(self) -> None:
        """Remember the user."""
        self.model.chosen_user = self.guid

    async def ready(self) -> None:
        """Return when the user's details have come."""
        await self._details.answered()

    def follow(self, guid: str) -> None:
        """Show another user."""
        self.guid = guid
        self.show()

    async def action_have_done(self, kind: UsersOperation) -> None:
        """Have the calendar read again, or the mailbox looked up."""
        await self.start_operation(lambda engine: engine.begin_for(kind, self.guid))

    def action_entries(self) -> None:
        """Show this user's log entries."""
        row = self._row
        if row is not None and row.owner:
            self.tell(f"The log of this user is kept by node {row.owner}: ask there.")
        elif row is not None:
            self.shell.open_log(*conditions_of_user(row))

    def action_copy(self) -> None:
        """Copy everything to the clipboard of the terminal."""
        user = self._user
        if user is not None:
            self.shell.copy(user_text(user, self.model.now, self.model.zone))
            self.tell(COPIED)

    async def action_save(self) -> None:
        """Write everything to a file that only this account can read."""
        user = self._user
        if user is None:
            return
        text = user_text(user, self.model.now, self.model.zone)
        self.tell(await write_here(f"calendar-{user.name[:LONGEST_NAME]}.txt", text.encode()))

    def action_step(self, steps: int) -> None:
        """Go to the next or previous user of the list."""
        guid = self.shell.neighbour(self.guid, steps)
        if guid is None:
            self.tell("There are no more users in the list.")
        else:
            self.follow(guid)

    def ask(self) -> None:
        """Request the details from the engine."""
        self._details.request()
