"""The lines of the list of users."""

from calendar_tui.model import Model, Query
from engine.api.schema import Sort, Status
from engine.display import counted
from engine.documents.lines import Document, Line, Role, Span, wrapped
from engine.documents.links import problem_figure, user_figures
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


def summary(model: Model, query: Query, total: int) -> tuple[Span, ...]:
    """Return how many users are listed, with the filters as chips and the key that drops them."""
    everybody = len(model.users.rows)
    if not query.is_filter:
        status = model.status
        figures = [*user_figures(status)[1:2], *problem_figure(status)] if status is not None else []
        if status is not None and status.cluster is not None:
            figures.insert(0, Span(f"{status.users:,} here"))
        parts = [part for figure in figures for part in (Span(" · ", Role.MUTED), figure)]
        return (Span(counted(everybody, "user")), Span("   "), *parts[1:])
    names = [query.words, query.problem_title or query.problem, "problems" if query.errors_only else ""]
    chips_ = [Span(f"[{name}]", Role.CHIP) for name in names if name]
    blanks = [Span("   ")] * len(chips_)
    both = [part for pair in zip(blanks, chips_, strict=True) for part in pair]
    return (Span(f"{total:,} of {everybody:,}"), *both, Span("   "), Span("x", Role.KEY), Span(" all", Role.MUTED))


def order_and_place(query: Query, seen: range, total: int) -> str:
    """Return how the users are ordered, and which of them are in sight."""
    order = f"by {SORT_NAMES[query.sort]} {'▲' if query.descending else '▼'}"
    return f"{order}   {seen.start + 1:,}–{seen.stop:,}" if total else order


def narrowed(query: Query, status: Status | None, width: int) -> Document:
    """Return the remedy if the filter is a problem; no line otherwise."""
    for concern in status.concerns if status and query.problem else ():
        if concern.trouble.type == query.problem:
            return Document(wrapped(concern.trouble.remedy, width - 2, " ", Role.NOTICE))
    return Document()
