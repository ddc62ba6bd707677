"""The list of users, kept ready: looking through ten thousand of them must not take the loop away from the engine."""

import asyncio
from itertools import islice

from engine.api import wire
from engine.api.schema import Sort, UserRow, UsersPage, UsersQuestion
from engine.sync.views import EngineView

MADE_IN_A_ROW = 500
"""After so many rows, three milliseconds or so, the loop gets a turn."""

SAMPLE = 100
"""About so many users are looked at to learn which words are rare."""


class UserRows:
    """A row for everybody who takes part, made anew only where something changed."""

    def __init__(self, engine: EngineView) -> None:
        self._engine = engine
        self._rows: dict[str, UserRow] = {}
        self._haystacks: dict[str, str] = {}
        self._outdated = dict.fromkeys(engine.guids())
        self._unpublished: dict[str, None] = {}
        self._orders: dict[tuple[Sort, bool], list[tuple[str, str]]] = {}

    def outdate(self, guid: str) -> None:
        """Have this user's row made anew before it is looked at again."""
        self._outdated[guid] = None

    async def catch_up(self) -> None:
        """Make all rows anew that are outdated by now, so that little is left to do for who looks at them next."""
        for _ in range(len(self._outdated) // MADE_IN_A_ROW):
            self._refresh(MADE_IN_A_ROW)
            await asyncio.sleep(0)

    def all(self) -> tuple[UserRow, ...]:
        """Return all rows, in no particular order."""
        self._refresh(len(self._outdated))
        return tuple(self._rows.values())

    def changed(self, at_most: int) -> list[tuple[str, UserRow | None]]:
        """Return rows that are different since they were returned here last, None for who is gone."""
        self._refresh(at_most)
        guids = list(islice(self._unpublished, at_most))
        for guid in guids:
            del self._unpublished[guid]
        return [(guid, self._rows.get(guid)) for guid in guids]

    @property
    def has_news(self) -> bool:
        """Whether `changed` may have something to return."""
        return bool(self._outdated or self._unpublished)

    def page(self, question: UsersQuestion) -> UsersPage:
        """Return the page asked for."""
        self._refresh(len(self._outdated))
        users = self._ordered(question.sort, descending=question.descending)
        for word in _rarest_first(question.filter.casefold().split(), users):
            users = [user for user in users if word in user[1]]
        first = (question.page - 1) * question.per_page
        return UsersPage(
            total=len(users),
            page=question.page,
            per_page=question.per_page,
            users=tuple(self._rows[guid] for guid, _ in users[first : first + question.per_page]),
        )

    def _ordered(self, sort: Sort, *, descending: bool) -> list[tuple[str, str]]:
        """Return guid and haystack of everybody, side by side because looking each of them up takes longer."""
        order = self._orders.get((sort, descending))
        if order is None:
            keys = {guid: _sort_key(row, sort) for guid, row in self._rows.items()}
            guids = sorted(keys, key=keys.__getitem__, reverse=descending)
            order = self._orders[sort, descending] = [(guid, self._haystacks[guid]) for guid in guids]
        return order

    def _refresh(self, at_most: int) -> None:
        for guid in list(islice(self._outdated, at_most)):
            del self._outdated[guid]
            user = self._engine.glance(guid)
            row, before = wire.row(user) if user else None, self._rows.get(guid)
            if row == before:
                continue
            self._unpublished[guid] = None
            if row is None:
                del self._rows[guid], self._haystacks[guid]
                self._orders.clear()
                continue
            self._rows[guid] = row
            if before is None or _order_of(row) != _order_of(before):
                self._haystacks[guid] = _haystack(row)
                self._orders.clear()


def _rarest_first(words: list[str], users: list[tuple[str, str]]) -> list[str]:
    """Put the words first that leave the least to look through, going by a sample of the users."""
    some = [haystack for _, haystack in users[:: len(users) // SAMPLE + 1]]
    return sorted(words, key=lambda word: sum(word in haystack for haystack in some))


def _order_of(row: UserRow) -> tuple[str | None, ...]:
    """All that tells where a row stands, and by what it is found."""
    return (row.name, row.display_name, row.mailbox, row.activity, row.state, row.problem, row.problem_title)


def _haystack(row: UserRow) -> str:
    """All that a filter looks through. No word holds a line break, so none is found across two parts."""
    parts = (row.name, row.display_name, row.mailbox, row.activity, row.problem, row.problem_title, row.guid)
    return "\n".join(part for part in parts if part).casefold()


def _sort_key(row: UserRow, sort: Sort) -> tuple[bool, str, str]:
    """Whoever has no value comes last; equal ones are in the order of their names."""
    value: str | None = getattr(row, sort)
    return not value, (value or "").casefold(), row.name.casefold()
