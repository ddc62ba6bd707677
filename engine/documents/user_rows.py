"""Users as lines, each with the columns of a table."""

from datetime import datetime, tzinfo

from engine.api.schema import Sort, UserRow
from engine.documents.lines import Line, Role, Span, activity, fitted, line

WIDE = 112
"""Columns from which on the mailbox has a column."""


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


def heads(sort: Sort, width: int, *, descending: bool) -> Line:
    """Return the line above the columns; the one that they are sorted by has an arrow."""
    name_width, mailbox_width = _widths(width)
    arrow = "▲" if descending else "▼"

    def head(column: Sort, text: str, room: int) -> str:
        return fitted(f"{text} {arrow}" if sort == column else text, room)

    name = "name" if sort != "name" else f"PBX name {arrow}"
    text = f" {head('activity', 'shows', 11)}  {head('display_name', name, name_width)}  "
    note = "note" if sort != "state" else f"note, by state {arrow}"
    text += fitted(note, width - 11 - name_width - mailbox_width - 20)
    if mailbox_width:
        text += f"  {head('mailbox', 'mailbox', mailbox_width - 2)}"
    return line(Span(f"{text}  until  read ", Role.TITLE))


def _widths(width: int) -> tuple[int, int]:
    """Return how wide the names and the mailboxes are."""
    return (24, 30) if width >= WIDE else (20, 0)


def _time(instant: datetime | None, zone: tzinfo, now: datetime) -> str:
    """Return a time in five columns: of the day, or the date of another day."""
    if instant is None:
        return "     "
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%d.%m}"
