"""The page of who takes part, in the set-up."""

from msgspec.structs import replace

from calendar_tui.documents.cells import Cell, neighbour
from calendar_tui.documents.form_page import FormState, Page
from calendar_tui.documents.setup_users import (
    HIDDEN,
    MODE,
    TICK,
    cells_of,
    everybody_listed,
    is_empty,
    is_nobody,
    patterns_key,
    user_lines,
    users_page,
)
from calendar_tui.screens.setup_kinds import PageKind, SetupForm
from engine.api.schema.setup import SetupPage
from engine.api.schema.setup_users import SetupSelection, SetupUser

EVERYBODY = SetupSelection(mode="everybody")


class UsersPage(PageKind):
    """Who takes part: everybody, only those ticked, or everybody but those ticked.

    The selection is kept as it was ticked here: the engine forgets what is ticked when everybody takes part.
    """

    COMMANDS = ("next", "tick", "list", "steps", "later", "check")

    def __init__(self, form: SetupForm) -> None:
        super().__init__(form)
        self._selection: SetupSelection | None = None
        self._meant = ""
        self._listed: tuple[tuple[SetupUser, ...], tuple[SetupUser, ...]] | None = None

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return the tick lists, or the names of all."""
        if self._listed is not None:
            return everybody_listed(*self._listed, state)
        return users_page(page, self._chosen, state)

    def figures(self, page: SetupPage, state: FormState) -> str:
        """Return how many take part."""
        if page.users is None:
            return ""
        taken = 0 if is_nobody(self._chosen) else page.users.taken
        return f"{taken:,} of {page.users.total:,} users"

    @property
    def _chosen(self) -> SetupSelection:
        """The selection as it was ticked and typed here, else as the engine has it."""
        page, state = self.form.page, self.form.state
        if self._selection is None:
            return page.users.selection if page.users is not None else EVERYBODY
        fields = {each.key: each for each in page.fields}
        typed, hidden = fields.get(patterns_key(self._selection.mode)), fields.get(HIDDEN)
        patterns = self._selection.patterns
        if typed is not None:
            patterns = tuple(part for each in state.text(typed).split(",") if (part := each.strip()))
        takes_hidden = hidden is None or (state.text(hidden) or hidden.placeholder) != "false"
        return replace(self._selection, patterns=patterns, hidden=takes_hidden)

    async def opened(self) -> None:
        """Ask the PBX for its users, unless they are known."""
        if self.form.page.users is None:
            await self.form.check(goes_on=False)

    def neighbour(self, key: str, stop: str) -> str:
        """Move among modes, check marks and fields, or in the list of all."""
        users = self.form.page.users
        if self._listed is not None:
            keys = [each.key for each in user_lines(*self._listed, 80) if each.key]
            return neighbour([Cell(each, row) for row, each in enumerate(keys)], stop, key) or next(iter(keys), "")
        return neighbour(cells_of(users, self._chosen), stop, key) if users is not None else ""

    async def key(self, key: str, stop: str) -> bool:
        """Choose a mode, or tick, with Space; turn over whether hidden users take part."""
        if key != "space":
            return False
        await self.do("tick")
        return True

    async def do(self, name: str) -> None:
        """Tick what is under the cursor, or list everybody."""
        stop = self.form.state.cursor
        if name == "list":
            await self._list_everybody()
        elif stop.startswith(MODE):
            await self._choose(stop.removeprefix(MODE))
        elif stop.startswith(TICK):
            await self._tick(*stop.removeprefix(TICK).split("/", 1))

    async def _list_everybody(self) -> None:
        client = self.form.client
        if not await client.send():
            return
        taken, left_out = await client.users(taken=True), await client.users(taken=False)
        if taken is not None and left_out is not None:
            self._listed = taken, left_out
            self.form.put_cursor(next((each.key for each in user_lines(*self._listed, 80) if each.key), ""))
            self.form.show()

    async def back(self) -> bool:
        """Leave the list of all."""
        if self._listed is None:
            return False
        self._listed = None
        return True

    async def enter(self, stop: str) -> bool:
        """Go on, unless nobody takes part; where most are left out, only the second time."""
        page = self.form.page
        if stop.startswith(MODE) and stop.removeprefix(MODE) != self._chosen.mode:
            await self._choose(stop.removeprefix(MODE))
        elif self._listed is not None:
            self._listed = None
        elif page.users is None:
            await self.form.check(goes_on=False)
        elif await self.form.client.send():
            await self._go_on(self.form.page)
        return True

    async def _go_on(self, page: SetupPage) -> None:
        users = page.users
        if users is None or is_nobody(self._chosen) or users.refusal:
            self.form.tell("Nobody would take part. Tick somebody, or choose Everybody.")
        elif users.doubt and users.doubt != self._meant:
            self._meant = users.doubt
            self.form.tell(f"{users.doubt} Enter again if that is meant.")
        else:
            await self.form.check(goes_on=True)

    async def _choose(self, mode: str) -> None:
        await self._select(replace(self._chosen, mode=mode))

    async def _tick(self, names: str, name: str) -> None:
        """Tick a row of a list, or untick it; from everybody, that begins with only those ticked."""
        chosen = self._chosen
        before: tuple[str, ...] = getattr(chosen, names)
        after = tuple(each for each in before if each != name) if name in before else (*before, name)
        mode = "only" if chosen.mode in ("everybody", "mixed") else chosen.mode
        await self._select(replace(chosen, **{names: after, "mode": mode}))

    async def _select(self, selection: SetupSelection) -> None:
        """Keep a selection, and tell the engine: with nothing ticked, everybody takes part as long as that is so."""
        self._selection = selection
        await self.form.client.select(replace(selection, mode="everybody") if is_empty(selection) else selection)
