"""The page of whose calendar may be read, in the set-up."""

from calendar_tui.documents.cells import Cell, neighbour
from calendar_tui.documents.form_page import FormState, Page
from calendar_tui.documents.setup_access import CAUSE, READABLE, access_figures, access_page
from calendar_tui.documents.setup_check import running
from calendar_tui.documents.setup_page import is_passed
from calendar_tui.private_files import write_here
from calendar_tui.screens.setup_kinds import PageKind, SetupForm
from engine.api.schema.setup import SetupPage
from engine.display import counted
from engine.documents.access import access_csv


class AccessPage(PageKind):
    """Tries every calendar as soon as it is opened; those that cannot be read stand together by cause."""

    COMMANDS = ("next", "again", "check", "write", "copy", "list", "steps", "later", "fix")
    LEADS_ON = False

    def __init__(self, form: SetupForm) -> None:
        super().__init__(form)
        self._readable: tuple[str, ...] | None = None
        self._is_waited_for = False
        self._is_again_wanted = False
        self._runs = False

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return everybody by cause."""
        return access_page(page, self._readable, state)

    def figures(self, page: SetupPage, state: FormState) -> str:
        """Return how many calendars can be read."""
        return access_figures(page.access) if page.access is not None else ""

    async def opened(self) -> None:
        """Try every calendar, unless that was done with these answers."""
        check = self.form.page.check
        if check is None or not check.holds:
            await self._try()

    async def _try(self, *, only_failed: bool = False) -> None:
        self._readable, self._runs = None, True
        await self.form.check(goes_on=False, only_failed=only_failed)

    async def mended(self) -> bool:
        """Try every calendar again."""
        await self._try()
        return True

    async def looked(self) -> None:
        """When everybody has been tried: go to the first cause, try some again if that is wanted, or go on if somebody
        waits for that and every calendar can be read."""
        page = self.form.page
        if running(page) is not None:
            self._runs = True
        elif self._runs and page.access is not None:
            self._runs = False
            waited_for, self._is_waited_for = self._is_waited_for, False
            causes = [f"{CAUSE}{each.type}" for each in page.access.causes]
            if self._readable is None:  # nobody reads the names already
                self.form.put_cursor(next(iter(causes), READABLE))
            again, self._is_again_wanted = self._is_again_wanted, False
            if again and causes:
                await self._try(only_failed=True)
            elif waited_for and not causes and is_passed(page):
                await self.form.go("next")

    def neighbour(self, key: str, stop: str) -> str:
        """Move among the causes."""
        access = self.form.page.access
        causes = [f"{CAUSE}{each.type}" for each in access.causes] if access is not None else []
        return neighbour([Cell(each, row) for row, each in enumerate([*causes, READABLE])], stop, key)

    async def enter(self, stop: str) -> bool:
        """Go on, also if some cannot be read: their presences stay as they are. While it tries, wait for the end."""
        page = self.form.page
        if running(page) is not None:
            self._is_waited_for = True
            self.form.tell("Goes on by itself if every calendar can be read. Esc stops.")
        elif page.access is None or not page.access.tried:
            await self._try()
        else:
            await self.form.go("next")
        return True

    async def do(self, name: str) -> None:
        """Try again those who could not be read, save or list them, or copy the commands for a cause."""
        access = self.form.page.access
        if access is None:
            return
        match name:
            case "again" if running(self.form.page) is not None:
                self._is_again_wanted = True
                self.form.tell("Those marked ✗ are tried again as soon as everybody has been tried.")
            case "again" if access.causes:
                await self._try(only_failed=True)
            case "write":
                everybody = await self.form.client.tried()
                if everybody is not None:
                    told = await write_here("calendar-access.csv", access_csv(everybody).encode())
                    self.form.tell(f"{told} · {counted(len(everybody), 'user')}")
            case "list":
                await self._list_readable()
            case "copy":
                self._copy()

    async def _list_readable(self) -> None:
        """Show or hide the names of those who can be read."""
        if self._readable is None:
            everybody = await self.form.client.tried()
            if everybody is None:
                return
            self._readable = tuple(each.label for each in everybody if each.stage is None)
            self.form.put_cursor(READABLE)
        else:
            self._readable = None
        self.form.show()

    def _copy(self) -> None:
        """Copy the commands that mend the cause under the cursor."""
        access, stop = self.form.page.access, self.form.state.cursor
        for cause in access.causes if access is not None else ():
            if stop == f"{CAUSE}{cause.type}" and cause.commands:
                self.form.copy("\n".join(cause.commands))
                self.form.tell(f"Copied: {counted(len(cause.commands), 'command')}.")
                return
        self.form.tell("There is nothing to copy here.")
