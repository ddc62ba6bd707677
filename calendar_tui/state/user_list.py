"""All users, and the part of them that a list shows: filtered and sorted at once, however many there are."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.api.schema import Sort, UserRow
from engine.api.user_index import UserIndex

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
    """The rows of everybody, by guid; `revision` is another one after every change."""

    def __init__(self) -> None:
        self.revision = 0
        self._index = UserIndex()

    @property
    def rows(self) -> dict[str, UserRow]:
        """Everybody, in no particular order."""
        return self._index.rows

    def replace(self, rows: Iterable[UserRow]) -> None:
        """Forget everything and take these."""
        self._index.clear()
        self.update(rows, ())

    def update(self, rows: Iterable[UserRow], gone: Iterable[str]) -> None:
        """Take newer rows, and forget those who are gone."""
        for row in rows:
            self._index.put(row)
        for guid in gone:
            self._index.remove(guid)
        self.revision += 1

    def chosen(self, query: Query) -> list[str]:
        """Return the guids that `query` asks for, in its order."""
        rows = self.rows
        guids = self._index.find(query.words, query.sort, descending=query.descending)
        if query.problem:
            guids = [guid for guid in guids if rows[guid].problem == query.problem]
        if query.errors_only:
            guids = [guid for guid in guids if rows[guid].state == "problem"]
        return guids
