"""The list of users; its content comes from calendar_tui.documents.users."""

from dataclasses import replace

from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.documents.users import SORT_NAMES, UserLines, narrowed, summary
from calendar_tui.model import SORTS, Query
from calendar_tui.screens.view import Question, Shell, View, remark
from engine.api.resources.engine import UsersOperation
from engine.api.schema import ResyncQuestion
from engine.documents.lines import Document
from engine.documents.user_rows import heads, widths_of


class UsersView(View):
    """A live list of any length, sorted, and filtered as you type."""

    NAME = "users"
    TAB = NAME

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.wanted = Query()
        self._own: Query | None = None
        self._lines = UserLines(self.model, self.wanted)
        self._revision = -1

    def row(self) -> Row:
        """Return the number of users with the filters, and the order with the visible range."""
        self._put_in_order()
        total, seen = len(self._lines), self.shell.main.seen
        return Row(
            summary(self.model, self.wanted, total),
            f"by {SORT_NAMES[self.wanted.sort]} {'▲' if self.wanted.descending else '▼'}   "
            + (f"{seen.start + 1:,}–{seen.stop:,}" if total else "none"),
        )

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the list; it is sorted again only if something has changed."""
        self._put_in_order()
        nobody = remark("Nobody fits. x shows everybody.", width)
        columns = heads(self.wanted.sort, widths_of(width), descending=self.wanted.descending)
        return Sheet(
            self._lines if len(self._lines) or not self.wanted.is_filter else nobody,
            heads=Document([*narrowed(self.wanted, self.model.status, width), columns]),
            title=f"Users {len(self.model.users.rows):,}",
        )

    def lend(self, query: Query) -> None:
        """Show the users that match a query, from the top, until the view is left."""
        self._own = self._own or replace(self.wanted, problem="", problem_title="")
        self._narrow(query)

    def left(self) -> None:
        """Drop a filter that came from elsewhere."""
        if self._own is not None:
            own, self._own = self._own, None
            self._narrow(own)

    def neighbour(self, guid: str, steps: int) -> str | None:
        """Return the user some steps after a user in the list, None at its end."""
        self._put_in_order()
        place = self._lines.position(guid)
        if place is None or not 0 <= place + steps < len(self._lines):
            return None
        found = self._lines.guids[place + steps]
        self.place.key, self.place.was_moved = found, True
        return found

    def chosen(self, key: str) -> None:
        """Open a user."""
        self.shell.open_user(key)

    def action_filter(self) -> None:
        """Open the field for words that must all match."""
        before = self.wanted
        self.shell.ask(
            Question(
                "/ ",
                entered=lambda _: True,
                text=self.wanted.words,
                hint="words that must all match",
                typed=lambda words: self._narrow(replace(self.wanted, words=words)),
                left=lambda: self._narrow(before),
            )
        )

    def action_back(self) -> None:
        """Clear the filters, then leave the view."""
        if self.wanted.is_filter and self._own is None:
            self.action_everybody()
        else:
            super().action_back()

    def action_everybody(self) -> None:
        """Clear all filters."""
        self._own = None
        self._narrow(Query(sort=self.wanted.sort, descending=self.wanted.descending))

    def action_errors_only(self) -> None:
        """Show only users with a problem, or all again."""
        self._narrow(replace(self.wanted, errors_only=not self.wanted.errors_only))

    def action_sort(self) -> None:
        """Sort by the next column."""
        following = SORTS[(SORTS.index(self.wanted.sort) + 1) % len(SORTS)]
        self._narrow(replace(self.wanted, sort=following))

    def action_turn(self) -> None:
        """Reverse the order."""
        self._narrow(replace(self.wanted, descending=not self.wanted.descending))

    async def action_have_done(self, kind: UsersOperation) -> None:
        """Have the calendars of all listed users read again, or their mailboxes looked up."""
        question = ResyncQuestion(users=tuple(self._lines.guids))
        await self.start_operation(lambda engine: engine.begin(kind, question))

    def _narrow(self, query: Query) -> None:
        self.wanted = query
        self.show()

    def _put_in_order(self) -> None:
        if self._lines.query != self.wanted or self._revision != self.model.users.revision:
            self._lines = UserLines(self.model, self.wanted)
            self._revision = self.model.users.revision
