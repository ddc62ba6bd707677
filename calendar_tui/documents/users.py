"""The lines of the list of users."""

from calendar_tui.model import Model, Query
from engine.api.schema import Sort, Status
from engine.documents.lines import Document, Line, Role, chips, wrapped
from engine.documents.user_rows import user_line, widths_of

SORT_NAMES: dict[Sort, str] = {
    "display_name": "name",
    "activity": "activity",
    "state": "state",
    "mailbox": "mailbox",
    "name": "PBX name",
    "problem": "problem",
}


class UserLines:
    """The users that match `query`, in its order."""

    def __init__(self, model: Model, query: Query) -> None:
        self.query = query
        self.guids = model.users.chosen(query)
        self._rows = model.users.rows
        self._zone = model.zone
        self._now = model.now
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.guids)

    def line(self, index: int, width: int) -> Line:
        """Return the line of one user."""
        guid = self.guids[index]
        row = self._rows.get(guid)
        return user_line(row, self._zone, self._now, widths_of(width)) if row else Line(key=guid)

    def position(self, key: str) -> int | None:
        """Return the position of a user, None if the user is not in the list."""
        if not self._places:
            self._places = {guid: index for index, guid in enumerate(self.guids)}
        return self._places.get(key)


def narrowed(query: Query, status: Status | None, width: int) -> Document:
    """Return the filters as chips, with the remedy if one is a problem; no line if there are none."""
    names = [query.problem_title or query.problem, "errors only" if query.errors_only else "", query.words]
    lines = [chips(name for name in names if name)] if query.is_filter else []
    for concern in status.concerns if status and query.problem else ():
        if concern.trouble.type == query.problem:
            lines += wrapped(concern.trouble.remedy, width - 2, " ", Role.NOTICE)
    return Document(lines)
