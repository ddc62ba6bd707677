"""Search and sorting of users in memory, shared by the API, the commands and the terminal program.

Imports nothing of the engine but the types of its API.
"""

from collections.abc import Iterable

from engine.api.schema.users import Sort, UserRow

SAMPLE = 100
"""Approximate number of users sampled to find out which words are rare."""

SHORTEST_GUID = 8
"""Minimum length of a word searched for in guids, which contain short words like "ada" or "bea" by chance."""


class UserIndex:
    """The rows of users by guid; sort orders are cached until something changes."""

    def __init__(self) -> None:
        self.rows: dict[str, UserRow] = {}
        self._texts: dict[str, str] = {}
        self._orders: dict[tuple[Sort, bool], list[str]] = {}

    def put(self, row: UserRow) -> None:
        """Add a user, or replace the row of one."""
        before = self.rows.get(row.guid)
        for sort, descending in list(self._orders):
            if before is None or _sort_key(before, sort) != _sort_key(row, sort):
                del self._orders[sort, descending]
        self.rows[row.guid] = row
        self._texts[row.guid] = _text(row)

    def remove(self, guid: str) -> None:
        """Remove a user, if present."""
        if self.rows.pop(guid, None) is not None:
            del self._texts[guid]
            self._orders.clear()

    def clear(self) -> None:
        """Remove all users."""
        self.rows.clear()
        self._texts.clear()
        self._orders.clear()

    def find(self, words: str, sort: Sort, *, descending: bool) -> list[str]:
        """Return the guids of the users that match every word, ignoring case, in the requested order."""
        guids = self._ordered(sort, descending=descending)
        texts = self._texts
        for word in self._rarest_first(words.casefold().split()):
            if len(word) < SHORTEST_GUID:
                guids = [guid for guid in guids if word in texts[guid]]
            else:
                guids = [guid for guid in guids if word in texts[guid] or word in guid.casefold()]
        return guids

    def _rarest_first(self, words: list[str]) -> Iterable[str]:
        """Return the words with the rarest first, judged by a sample of the users."""
        if len(words) < 2:
            return words
        some = list(self._texts.values())[:: len(self._texts) // SAMPLE + 1]
        return sorted(words, key=lambda word: sum(word in text for text in some))

    def _ordered(self, sort: Sort, *, descending: bool) -> list[str]:
        order = self._orders.get((sort, descending))
        if order is None:
            keys = {guid: _sort_key(row, sort) for guid, row in self.rows.items()}
            order = self._orders[sort, descending] = sorted(keys, key=keys.__getitem__, reverse=descending)
        return order


def _text(row: UserRow) -> str:
    """Return the text to search. Words contain no line break, so none matches across two fields."""
    parts = (
        row.name,
        row.display_name,
        row.mailbox,
        row.activity,
        row.note,
        row.state,
        row.problem,
        row.problem_title,
        row.owner and f"node {row.owner}",
    )
    return "\n".join(part for part in parts if part).casefold()


def _sort_key(row: UserRow, sort: Sort) -> tuple[bool, str, str, str, str]:
    """Return a sort key: users without a value come last, equal values are ordered by displayed name."""
    value: str | None = getattr(row, sort)
    shown = (row.display_name or row.name).casefold()
    return not value, (value or "").casefold(), shown, row.name.casefold(), row.guid
