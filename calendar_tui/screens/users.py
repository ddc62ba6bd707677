"""The list of users, and what it has in common with their days: filter, order and cursor."""

from dataclasses import replace

from calendar_tui.documents.sheet import Row, Sheet
from calendar_tui.documents.users import UserLines, narrowed, order_and_place, summary
from calendar_tui.model import SORTS, Query
from calendar_tui.private_files import write_here
from calendar_tui.screens.user_details import UserDetails
from calendar_tui.screens.view import Question, Shell, View, remark
from engine.api.resources.engine import UsersOperation
from engine.api.schema import ResyncQuestion
from engine.documents.lines import Document, Span
from engine.documents.user import user_document
from engine.documents.user_rows import heads, table, widths_of


class UserListView(View):
    """Base class of the views of all users: sorted, filtered as one types, with one cursor for all of them."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._users = UserLines(self.model, self.model.wanted)
        self._revision = -1

    @property
    def wanted(self) -> Query:
        """Filter and order, which all lists of users share."""
        return self.model.wanted

    @property
    def users(self) -> UserLines:
        """The users in order; sorted again only if something has changed."""
        if self._users.query != self.wanted or self._revision != self.model.users.revision:
            self._users = UserLines(self.model, self.wanted)
            self._revision = self.model.users.revision
        return self._users

    def row(self) -> Row:
        """Return the number of users with the filters, and the order with the visible range."""
        return Row(self.summary(), order_and_place(self.wanted, self.seen, len(self.users)))

    @property
    def seen(self) -> range:
        """The users in sight."""
        return self.shell.main.seen

    def summary(self) -> tuple[Span, ...]:
        """Return the number of users with the filters."""
        return summary(self.model, self.wanted, len(self.users))

    def nobody(self, width: int) -> Document | None:
        """Return what stands in place of an empty list, None if it is not empty."""
        if len(self.users) or not self.wanted.is_filter:
            return None
        words = f' "{self.wanted.words}"' if self.wanted.words else ""
        return remark(f"Nobody fits{words}. x shows all {len(self.model.users.rows):,}.", width)

    def shown(self) -> None:
        """Put the cursor on the user that another list was left at."""
        if self.model.chosen_user:
            self.place.key, self.place.was_moved = self.model.chosen_user, True

    def hidden(self) -> None:
        """Remember the user under the cursor."""
        self.model.chosen_user = self.place.key

    def lend(self, query: Query) -> None:
        """Show the users that match a query, from the top, until the view is left."""
        self.model.own_wanted = self.model.own_wanted or replace(self.wanted, problem="", problem_title="")
        self._narrow(query)

    def left(self) -> None:
        """Drop a filter that came from elsewhere."""
        if self.model.own_wanted is not None:
            own, self.model.own_wanted = self.model.own_wanted, None
            self._narrow(own)

    def neighbour(self, guid: str, steps: int) -> str | None:
        """Return the user some steps after a user in the list, None at its end."""
        place = self.users.position(guid)
        if place is None or not 0 <= place + steps < len(self.users):
            return None
        found = self.users.guids[place + steps]
        self.place.key, self.place.was_moved = found, True
        self.model.chosen_user = found
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
        if self.wanted.is_filter and self.model.own_wanted is None:
            self.action_everybody()
        else:
            super().action_back()

    def action_everybody(self) -> None:
        """Clear all filters."""
        self.model.own_wanted = None
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
        question = ResyncQuestion(users=tuple(self.users.guids))
        await self.start_operation(lambda engine: engine.begin(kind, question))

    def _narrow(self, query: Query) -> None:
        self.model.wanted = query
        self.show()


class UsersView(UserListView):
    """A live list of any length; in the wide layout, the user under the cursor beside it."""

    NAME = "users"
    TAB = NAME
    PANE = True

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._details = UserDetails(self)

    def sheet(self, width: int, height: int) -> Sheet:
        """Return the list."""
        wanted = self.wanted
        return Sheet(
            self.nobody(width) or self.users,
            heads=Document([*narrowed(wanted, self.model.status, width), heads(widths_of(width))]),
            title=f"Users {len(self.model.users.rows):,}",
            order=order_and_place(wanted, range(0), 0),
        )

    def pane(self, width: int, height: int) -> Sheet:
        """Return the day and the reasons of the user under the cursor."""
        guid = self.place.key
        if not guid:
            return Sheet(Document())
        user, now, zone = self._details.of(guid), self.model.now, self.model.zone
        if user is None:
            return Sheet(remark(self._details.failure or "… reading", width))
        name = user.display_name or user.name
        lines = user_document(user, now, zone, width, "")
        return Sheet(lines, title=name, order="follows the list", place="Tab into")

    def pane_chosen(self, key: str) -> None:
        """Open the user."""
        self.shell.open_user(self.place.key)

    def ask(self) -> None:
        """Request the details in the pane again."""
        self._details.request()

    def action_day(self) -> None:
        """Show the same users hour by hour."""
        self.shell.open_view("day")

    async def action_save(self) -> None:
        """Write the listed users to a file, with commas between the columns."""
        rows = [self.model.users.rows[guid] for guid in self.users.guids if guid in self.model.users.rows]
        self.tell(await write_here("calendar-users.csv", table(rows).encode()))
