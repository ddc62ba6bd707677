"""The lines of everybody's day: two for each user, or one."""

from collections.abc import Mapping

from calendar_tui.documents.users import UserLines
from calendar_tui.model import Model
from engine.api.schema.days import UserDay
from engine.documents.bars import Scale
from engine.documents.day import compact_row, user_rows
from engine.documents.lines import Line


class DayLines:
    """The users of a list with their `days`, as far as those are known."""

    def __init__(
        self, model: Model, users: UserLines, days: Mapping[str, UserDay], scale: Scale, *, compact: bool
    ) -> None:
        self._users = users
        self._rows = model.users.rows
        self._zone, self._now = model.zone, model.now
        self._days = days
        self._scale = scale
        self._per_user = 1 if compact else 2

    def __len__(self) -> int:
        return len(self._users) * self._per_user

    def line(self, index: int, width: int) -> Line:
        """Return a line of one user: the calendar, or the presence below it; only the first one can be chosen."""
        place, part = divmod(index, self._per_user)
        guid = self._users.guids[place]
        row, day = self._rows.get(guid), self._days.get(guid)
        if row is None:
            return Line(key=guid if part == 0 else "")
        if self._per_user == 1:
            return compact_row(row, day, self._scale, self._now)
        return user_rows(row, day, self._scale, self._now, self._zone)[part]

    def position(self, key: str) -> int | None:
        """Return the position of a user, None if the user is not in the list."""
        place = self._users.position(key)
        return None if place is None else place * self._per_user
