"""The page of what would change, in the set-up."""

from msgspec.structs import replace

from calendar_tui.documents.cells import Cell, neighbour
from calendar_tui.documents.form_page import FormState, Page
from calendar_tui.documents.setup_preview import FILTER, ROW, SORTS, filter_field, preview_figures, preview_page
from calendar_tui.private_files import write_here
from calendar_tui.screens.setup_client import MOST_USERS
from calendar_tui.screens.setup_kinds import PageKind, SetupForm
from engine.api.schema.live import LivePageQuestion, LivePreview, LivePreviewRow
from engine.api.schema.setup import SetupField, SetupPage
from engine.documents.live import comparison_csv


class PreviewPage(PageKind):
    """Compares what the PBX shows with what would be written, as soon as it is opened."""

    COMMANDS = ("next", "group", "filter", "differing", "write", "check", "steps", "later")

    def __init__(self, form: SetupForm) -> None:
        super().__init__(form)
        self._question = LivePageQuestion(per_page=MOST_USERS)
        self._preview: LivePreview | None = None
        self._is_filtered = False

    def body(self, page: SetupPage, state: FormState) -> Page:
        """Return the list."""
        filtered = next(iter(self.fields), None)
        return preview_page(page, self._preview, self._question.sort, filtered, state)

    def figures(self, page: SetupPage, state: FormState) -> str:
        """Return how many differ."""
        return preview_figures(self._preview, differing=self._question.differing) if self._preview is not None else ""

    @property
    def fields(self) -> tuple[SetupField, ...]:
        """The field of the filter, while it is open."""
        return (filter_field(self._question.filter),) if self._is_filtered else ()

    async def opened(self) -> None:
        """Compare, unless that was done."""
        if not self.form.page.operation:
            await self.form.check(goes_on=False)
        await self.looked()

    async def looked(self) -> None:
        """Ask how far the comparison has come."""
        known, operation = self._preview, self.form.page.operation
        is_over = known is not None and known.operation.id == operation and known.operation.state != "running"
        if operation and not is_over:
            await self._ask()

    async def _ask(self) -> None:
        operation = self.form.page.operation
        found = await self.form.client.comparison(operation, self._question) if operation else None
        if found is not None:
            self._preview = found
            self.form.show()

    def neighbour(self, key: str, stop: str) -> str:
        """Move in the list, and between it and the filter."""
        rows = self._preview.rows if self._preview is not None else ()
        names = [*(each.key for each in self.fields), *(f"{ROW}{each.guid}" for each in rows)]
        return neighbour([Cell(name, row) for row, name in enumerate(names)], stop, key)

    async def typed(self, key: str, text: str) -> None:
        """Narrow the list down with every letter."""
        self._question = replace(self._question, filter=text[:200])
        await self._ask()

    async def enter(self, stop: str) -> bool:
        """Go from the filter to the list, else to the next page."""
        if stop == FILTER:
            self.form.put_cursor(f"{ROW}{self._preview.rows[0].guid}" if self._preview and self._preview.rows else "")
        else:
            await self.form.go("next")
        return True

    async def back(self) -> bool:
        """Drop the filter."""
        if not self._is_filtered:
            return False
        self._is_filtered = False
        await self.typed(FILTER, "")
        return True

    async def do(self, name: str) -> None:
        """Sort, filter, show only differences, or save the list."""
        match name:
            case "group":  # the name of the command that `s` has
                place = (SORTS.index(self._question.sort) + 1) % len(SORTS)
                self._question = replace(self._question, sort=SORTS[place])
                await self._ask()
            case "differing":
                self._question = replace(self._question, differing=not self._question.differing)
                await self._ask()
            case "filter":
                self._is_filtered = True
                self.form.put_cursor(FILTER)
                self.form.show()
            case "write":
                csv = comparison_csv(await self._all_rows())
                self.form.tell(await write_here("calendar-preview.csv", csv.encode()))

    async def _all_rows(self) -> list[LivePreviewRow]:
        """Return everybody who is listed, also beyond the first page."""
        rows: list[LivePreviewRow] = []
        question = self._question
        while (found := await self.form.client.comparison(self.form.page.operation, question)) is not None:
            rows += found.rows
            if len(rows) >= found.total or not found.rows:
                break
            question = replace(question, page=question.page + 1)
        return rows
