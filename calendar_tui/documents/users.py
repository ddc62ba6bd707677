"""The list of users as lines."""

from datetime import datetime, tzinfo

from calendar_tui.documents.lines import Document, Line, Role, Span, activity, chips, fitted, line, wrapped
from calendar_tui.model import Model, Query
from engine.api.schema import Sort, Status, UserRow

WIDE = 112
"""Columns from which on the mailbox has a column."""

SORT_NAMES: dict[Sort, str] = {
    "display_name": "name",
    "activity": "activity",
    "state": "state",
    "mailbox": "mailbox",
    "name": "PBX name",
    "problem": "problem",
}


class UserLines:
    """The users that fit `query`, in its order."""

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
        return user_line(row, self._zone, self._now, width) if row else Line(key=guid)

    def position(self, key: str) -> int | None:
        """Return where a user is."""
        if not self._places:
            self._places = {guid: index for index, guid in enumerate(self.guids)}
        return self._places.get(key)


def user_line(row: UserRow, zone: tzinfo, now: datetime, width: int) -> Line:
    """Return a user in a line: activity, name, note or problem, until when, and when the calendar was read."""
    name_width, mailbox_width = _widths(width)
    note_width = width - 11 - name_width - mailbox_width - 20
    if row.state == "problem":
        note = Span(fitted(f"✗ {row.problem_title or row.problem or 'problem'}", note_width), Role.PROBLEM)
    elif row.state == "unread":
        note = Span(fitted("· not read yet", note_width), Role.MUTED)
    elif row.withheld is not None:
        would = f"{activity(row.withheld.activity).text.rstrip()} {row.withheld.note}".rstrip()
        note = Span(fitted(f"▷ dry run, would be: {would}", note_width), Role.NOTICE)
    elif row.state == "pending":
        note = Span(fitted(f"… to be set  {row.note}", note_width), Role.NOTICE)
    else:
        note = Span(fitted(row.note, note_width))
    parts: list[str | Span] = [
        " ",
        activity(row.activity),
        "  ",
        fitted(row.display_name or row.name, name_width),
        "  ",
        note,
    ]
    if mailbox_width:
        parts += ["  ", Span(fitted(row.mailbox or "", mailbox_width - 2), Role.MUTED)]
    parts += ["  ", _time(row.until, zone, now), "  ", Span(_time(row.last_read, zone, now), Role.MUTED)]
    return line(*parts, key=row.guid)


def heads(query: Query, width: int) -> Line:
    """Return the line above the columns; the one that they are sorted by has an arrow."""
    name_width, mailbox_width = _widths(width)
    arrow = "▲" if query.descending else "▼"

    def head(sort: Sort, text: str, room: int) -> str:
        return fitted(f"{text} {arrow}" if query.sort == sort else text, room)

    name = "name" if query.sort != "name" else f"PBX name {arrow}"
    text = f" {head('activity', 'shows', 11)}  {head('display_name', name, name_width)}  "
    note = "note" if query.sort != "state" else f"note, by state {arrow}"
    text += fitted(note, width - 11 - name_width - mailbox_width - 20)
    if mailbox_width:
        text += f"  {head('mailbox', 'mailbox', mailbox_width - 2)}"
    return line(Span(f"{text}  until  read ", Role.TITLE))


def narrowed(query: Query, status: Status | None, width: int) -> Document:
    """Return what narrows the list as chips, with the remedy where that is a problem; no line where nothing does."""
    names = [query.problem_title or query.problem, "errors only" if query.errors_only else "", query.words]
    lines = [chips(name for name in names if name)] if query.is_filter else []
    for concern in status.concerns if status and query.problem else ():
        if concern.trouble.type == query.problem:
            lines += wrapped(concern.trouble.remedy, width - 2, " ", Role.NOTICE)
    return Document(lines)


def _widths(width: int) -> tuple[int, int]:
    """Return how wide the names and the mailboxes are."""
    return (24, 30) if width >= WIDE else (20, 0)


def _time(instant: datetime | None, zone: tzinfo, now: datetime) -> str:
    """Return a time in five columns: of the day, or the date of another day."""
    if instant is None:
        return "     "
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%d.%m}"
