"""The page on which it is chosen whose presences are written, in the set-up."""

from calendar_tui.documents.form_page import FormState, Page
from calendar_tui.documents.setup_page import chosen_option
from calendar_tui.documents.setup_start import PILOTS, START, start_page
from calendar_tui.private_files import write_here
from calendar_tui.screens.setup_kinds import PageKind
from engine.api.schema.setup import SetupField, SetupPage

ANSWERS = "calendar-answers.toml"


class StartPage(PageKind):
    """Only look, pilots first, or everybody now; nothing begins by a key that chooses."""

    COMMANDS = ("next", "answers", "steps", "later")

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return the ways to begin."""
        setup = self.form.client.setup
        return start_page(page, *((setup.problems, setup.machine) if setup is not None else ((), ())), state)

    def _field(self, key: str) -> SetupField | None:
        return next((each for each in self.form.page.fields if each.key == key), None)

    async def key(self, key: str, stop: str) -> bool:
        """Choose with Space."""
        if key == "space" and stop.startswith(START):
            self._choose(stop.partition("=")[2])
        return key == "space"

    def _choose(self, value: str) -> None:
        self.form.answer(START, value)
        if value == "pilots":
            self.form.put_cursor(PILOTS)

    async def enter(self, stop: str) -> bool:
        """Choose what is under the cursor; begin if it is chosen already."""
        start, pilots, state = self._field(START), self._field(PILOTS), self.form.state
        chosen = chosen_option(start, state) if start is not None else ""
        wanted = stop.partition("=")[2]
        if wanted and wanted != chosen:
            self._choose(wanted)
        elif chosen == "pilots" and (pilots is None or not state.text(pilots)):
            self.form.put_cursor(PILOTS)
            self.form.tell("Name at least one pilot, as in the PBX; * and ? are allowed.")
        else:
            await self.form.go("next")
        return True

    async def do(self, name: str) -> None:
        """Save the answers as a file."""
        if name == "answers" and await self.form.client.send():
            found = await self.form.client.answers_file()
            if found is not None:
                needed = f" Besides it, these secrets are needed: {', '.join(found.needed)}." if found.needed else ""
                self.form.tell(await write_here(ANSWERS, found.text.encode()) + needed)
