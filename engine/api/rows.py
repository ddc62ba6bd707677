"""The list of users, kept ready: looking through ten thousand of them must not take the loop away from the engine."""

import asyncio
from itertools import islice

from engine.api import wire
from engine.api.schema import UserRow, UsersPage, UsersQuestion
from engine.api.user_index import UserIndex
from engine.sync.views import EngineView

MADE_IN_A_ROW = 500
"""After so many rows, three milliseconds or so, the loop gets a turn."""


class UserRows:
    """A row for everybody who takes part, made anew only where something changed."""

    def __init__(self, engine: EngineView) -> None:
        self._engine = engine
        self._index = UserIndex()
        self._outdated = dict.fromkeys(engine.guids())
        self._unpublished: dict[str, None] = {}

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
        return tuple(self._index.rows.values())

    def changed(self, at_most: int) -> list[tuple[str, UserRow | None]]:
        """Return rows that are different since they were returned here last, None for who is gone."""
        self._refresh(at_most)
        guids = list(islice(self._unpublished, at_most))
        for guid in guids:
            del self._unpublished[guid]
        return [(guid, self._index.rows.get(guid)) for guid in guids]

    @property
    def has_news(self) -> bool:
        """Whether `changed` may have something to return."""
        return bool(self._outdated or self._unpublished)

    def page(self, question: UsersQuestion) -> UsersPage:
        """Return the page asked for."""
        self._refresh(len(self._outdated))
        guids = self._index.find(question.filter, question.sort, descending=question.descending)
        first = (question.page - 1) * question.per_page
        return UsersPage(
            total=len(guids),
            page=question.page,
            per_page=question.per_page,
            users=tuple(self._index.rows[guid] for guid in guids[first : first + question.per_page]),
        )

    def _refresh(self, at_most: int) -> None:
        for guid in list(islice(self._outdated, at_most)):
            del self._outdated[guid]
            user = self._engine.glance(guid)
            row = wire.row(user) if user else None
            if row == self._index.rows.get(guid):
                continue
            self._unpublished[guid] = None
            if row is None:
                self._index.remove(guid)
            else:
                self._index.put(row)
