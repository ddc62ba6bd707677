"""The page of what an appointment shows, in the set-up."""

from calendar_tui.documents.form_page import FormState, Page
from calendar_tui.documents.setup_presence import FIRST, LAST, MOST_NOTES, ORGANIZER, SUBJECTS, presence_page
from calendar_tui.screens.setup_kinds import PageKind, SetupForm
from engine.api.schema.live import TodaysNotes
from engine.api.schema.setup import SetupPage


class PresencePage(PageKind):
    """The grid of kinds of appointments by presences; beside it today's notes, which follow every key."""

    COMMANDS = ("next", "check", "more", "steps", "later")
    LEADS_ON = False

    def __init__(self, form: SetupForm) -> None:
        super().__init__(form)
        self._notes: TodaysNotes | None = None
        self._made_with = ""
        self._read_for: tuple[bool, str] = (False, "")

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return the grid, and today's notes."""
        return presence_page(page, self._notes, state)

    def figures(self, page: SetupPage, state: FormState) -> str:
        """Return the keys of the grid."""
        return "↑↓ kind  ←→ presence"

    async def opened(self) -> None:
        """Read today's calendars, unless that was done."""
        await self.looked()
        if self.form.page.check is None and (self._notes is None or not self._notes.users):
            await self._read()

    async def _read(self) -> None:
        self._read_for = read_for(self.form.page)
        await self.form.check(goes_on=False)

    async def looked(self) -> None:
        """Ask for the notes again when an answer has changed, or calendars were read."""
        page = self.form.page
        wants, had = read_for(page), self._read_for
        if page.check is not None and ((wants[0] and not had[0]) or wants[1] != had[1]):
            await self._read()  # without that, there are no subjects, or other exceptions
            return
        check = page.check.operation if page.check is not None else None
        read = f"{check.id} {check.state}" if check is not None else ""
        made_with = "\n".join([read, *(f"{each.key}={each.text}" for each in page.fields)])
        if made_with != self._made_with:
            self._made_with = made_with
            self._notes = await self.form.client.notes(MOST_NOTES) or self._notes
            self.form.show()

    async def enter(self, stop: str) -> bool:
        """Go on to the next page: nothing here has to be tried first."""
        await self.form.go("next")
        return True


def read_for(page: SetupPage) -> tuple[bool, str]:
    """Return what calendars have to be read for: whether for subjects, and whose meetings are exceptions."""
    texts = {each.key: each.text for each in page.fields}
    return texts.get(SUBJECTS) == "true" or bool(texts.get(FIRST) or texts.get(LAST)), texts.get(ORGANIZER, "")
