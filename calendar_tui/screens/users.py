"""The screen of the list of users; its content comes from calendar_tui.documents.users."""

from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from calendar_tui.commands.registry import view_bindings
from calendar_tui.documents.users import SORT_NAMES, UserLines, narrowed
from calendar_tui.model import SORTS, Query
from calendar_tui.screens.screen import BaseScreen, Navigator
from calendar_tui.widgets.inputs import FilterLine
from calendar_tui.widgets.line_view import LineView
from engine.api.resources.engine import UsersOperation
from engine.api.schema import ResyncQuestion
from engine.documents.lines import Document
from engine.documents.user_rows import heads, widths_of


class UsersScreen(BaseScreen):
    """A live list of any length, sorted, and filtered as you type."""

    NAME = "users"
    BINDINGS = view_bindings(NAME)

    def __init__(self, shell: Navigator) -> None:
        super().__init__(shell)
        self.wanted = Query()
        self._lines = UserLines(self.model, self.wanted)
        self._revision = -1

    def content(self) -> ComposeResult:
        """Return the filter, the column headings and the list."""
        yield FilterLine("words that must all match")
        yield self.lines("chips", "as-needed")
        yield self.lines("heads", "one-line")
        yield self.lines("main", cursor=True)

    def refresh_content(self) -> None:
        """Update the list; it is sorted again only if something has changed."""
        self._put_in_order()
        nobody = self.placeholder("No user matches; x clears the filters.")
        self.line_view("main").show(self._lines if len(self._lines) or not self.wanted.is_filter else nobody)
        above = heads(self.wanted.sort, widths_of(self.app.size.width), descending=self.wanted.descending)
        self.line_view("heads").show(Document([above]))
        typed = "" if self._filter.is_open else self.wanted.words
        self.show_as_needed(
            "chips", narrowed(replace(self.wanted, words=typed), self.model.status, self.app.size.width)
        )

    def breadcrumb(self) -> str:
        """Return the title and its parent."""
        return "calendar-tui > Users"

    def position(self) -> str:
        """Return the visible range and the total."""
        seen = self.line_view("main").seen
        total, everybody = len(self._lines), len(self.model.users.rows)
        of = f"{total:,}" if total == everybody else f"{total:,} of {everybody:,}"
        return f"{seen.start + 1:,}–{seen.stop:,} of {of}" if total else f"none of {everybody:,}"

    def narrow(self, query: Query) -> None:
        """Show the users that match a query, from the top."""
        self.wanted = query
        if self.is_mounted:
            self._filter.fill(query.words)
            self.show()

    def neighbour(self, guid: str, steps: int) -> str | None:
        """Return the user some steps after a user in the list, None at its end."""
        self._put_in_order()
        place = self._lines.position(guid)
        if place is None or not 0 <= place + steps < len(self._lines):
            return None
        found = self._lines.guids[place + steps]
        if self.is_mounted:
            self.line_view("main").go_to(found)
        return found

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        self.wanted = replace(self.wanted, words=event.value)
        self.show()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self._close_filter()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open a user."""
        self.shell.open_user(event.key)

    def action_filter(self) -> None:
        """Open the filter."""
        self._filter.open()
        self.show()

    def action_back(self) -> None:
        """Clear one filter after the other, then close the screen."""
        if self._filter.is_open:
            self._close_filter()
        elif self.wanted.is_filter:
            self.action_everybody()
        else:
            super().action_back()

    def action_everybody(self) -> None:
        """Clear all filters."""
        self.narrow(Query(sort=self.wanted.sort, descending=self.wanted.descending))

    def action_errors_only(self) -> None:
        """Show only users with a problem, or all again."""
        self.narrow(replace(self.wanted, errors_only=not self.wanted.errors_only))

    def action_sort(self) -> None:
        """Sort by the next column."""
        following = SORTS[(SORTS.index(self.wanted.sort) + 1) % len(SORTS)]
        self.narrow(replace(self.wanted, sort=following))
        self.tell(f"Sorted by {SORT_NAMES[following]}.")

    def action_turn(self) -> None:
        """Reverse the order."""
        self.narrow(replace(self.wanted, descending=not self.wanted.descending))

    async def action_have_done(self, kind: UsersOperation) -> None:
        """Have the calendars of all listed users read again, or their mailboxes looked up."""
        question = ResyncQuestion(users=tuple(self._lines.guids))
        await self.start_operation(lambda engine: engine.begin(kind, question))

    def _put_in_order(self) -> None:
        if self._lines.query != self.wanted or self._revision != self.model.users.revision:
            self._lines = UserLines(self.model, self.wanted)
            self._revision = self.model.users.revision

    def _close_filter(self) -> None:
        self._filter.close()
        self.set_focus(self.line_view("main"))
        self.show()

    @property
    def _filter(self) -> FilterLine:
        return self.query_one(FilterLine)
