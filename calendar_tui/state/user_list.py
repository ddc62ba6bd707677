"""All users, and the part of them that a list shows: filtered and sorted at once, however many there are."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.api.schema import Sort, UserRow

SORTS: tuple[Sort, ...] = ("display_name", "activity", "state", "mailbox", "name")


@dataclass(frozen=True, slots=True)
class Query:
    """Which users, in which order: those that have every word of `words`, and `problem` if one is given."""

    words: str = ""
    problem: str = ""
    problem_title: str = ""
    errors_only: bool = False
    sort: Sort = "display_name"
    descending: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether anybody may be left out."""
        return bool(self.words or self.problem or self.errors_only)


class UserTable:
    """The rows of everybody, by guid; orders are kept until something changes them."""

    def __init__(self) -> None:
        self.rows: dict[str, UserRow] = {}
        self.revision = 0
        self._haystacks: dict[str, str] = {}
        self._orders: dict[tuple[Sort, bool], list[str]] = {}

    def replace(self, rows: Iterable[UserRow]) -> None:
        """Forget everything and take these."""
        self.rows.clear()
        self._haystacks.clear()
        self._orders.clear()
        self.update(rows, ())

    def update(self, rows: Iterable[UserRow], gone: Iterable[str]) -> None:
        """Take newer rows, and forget those who are gone."""
        for row in rows:
            self._forget_orders(self.rows.get(row.guid), row)
            self.rows[row.guid] = row
            self._haystacks[row.guid] = _haystack(row)
        for guid in gone:
            self._orders.clear()
            self.rows.pop(guid, None)
            self._haystacks.pop(guid, None)
        self.revision += 1

    def chosen(self, query: Query) -> list[str]:
        """Return the guids that `query` asks for, in its order."""
        rows = self.rows
        guids = self._ordered(query.sort, descending=query.descending)
        if query.problem:
            guids = [guid for guid in guids if rows[guid].problem == query.problem]
        if query.errors_only:
            guids = [guid for guid in guids if rows[guid].state == "problem"]
        for word in query.words.casefold().split():
            guids = [guid for guid in guids if word in self._haystacks[guid]]
        return guids

    def _ordered(self, sort: Sort, *, descending: bool) -> list[str]:
        order = self._orders.get((sort, descending))
        if order is None:
            keys = {guid: _sort_key(row, sort) for guid, row in self.rows.items()}
            order = self._orders[sort, descending] = sorted(keys, key=keys.__getitem__, reverse=descending)
        return order

    def _forget_orders(self, before: UserRow | None, row: UserRow) -> None:
        for sort, descending in list(self._orders):
            if before is None or _sort_key(before, sort) != _sort_key(row, sort):
                del self._orders[sort, descending]


def _haystack(row: UserRow) -> str:
    """All that a filter looks through. No word holds a line break, so none is found across two parts."""
    parts = (row.name, row.display_name, row.mailbox, row.activity, row.note, row.problem, row.problem_title, row.state)
    return "\n".join(part for part in parts if part).casefold()


def _sort_key(row: UserRow, sort: Sort) -> tuple[bool, str, str]:
    value: str | None = getattr(row, sort)
    return not value, (value or "").casefold(), (row.display_name or row.name).casefold()
