"""Users as lines, each with the columns of a table."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from engine.api.schema import Sort, UserRow
from engine.documents.columns import columns, printable
from engine.documents.lines import UNLIMITED, Document, Line, Role, Span, activity, fitted, line

WIDE = 112
"""Minimum width to show the mailbox."""

OTHERS = 31
"""Width of the activity, the times and the blanks between them."""


class Widths(NamedTuple):
    """The widths of names, notes and mailboxes with their blanks; that of mailboxes may be 0."""

    name: int
    note: int
    mailbox: int


def widths_of(width: int) -> Widths:
    """Return the widths for a table of `width` columns."""
    name, mailbox = (24, 30) if width >= WIDE else (20, 0)
    return Widths(name, width - OTHERS - name - mailbox, mailbox)


def users_document(rows: Sequence[UserRow], zone: tzinfo, now: datetime, width: int) -> Document:
    """Return a table of users in order of their names."""
    widths = widths_of(width) if width < UNLIMITED else _needed(rows)
    above = heads("display_name", widths, descending=False)
    return Document([above, *(user_line(row, zone, now, widths) for row in rows)])


def _needed(rows: Sequence[UserRow]) -> Widths:
    """Return the widths with which nothing is cut."""
    names, notes, mailboxes = {20}, {4}, {7}
    for row in rows:
        names.add(columns(printable(name_of(row))))
        notes.add(columns(printable(_note(row).text)))
        mailboxes.add(columns(printable(row.mailbox or "")))
    return Widths(max(names), max(notes), max(mailboxes) + 2)


def user_line(row: UserRow, zone: tzinfo, now: datetime, widths: Widths) -> Line:
    """Return the line of a user: activity, name, note or problem, end, and when the calendar was read."""
    note = _note(row)
    parts: list[str | Span] = [
        " ",
        activity(row.activity),
        "  ",
        fitted(name_of(row), widths.name),
        "  ",
        note._replace(text=fitted(note.text, widths.note)),
    ]
    if widths.mailbox:
        parts += ["  ", Span(fitted(row.mailbox or "", widths.mailbox - 2), Role.MUTED)]
    parts += ["  ", _time(row.until, zone, now), "  ", Span(_time(row.last_read, zone, now), Role.MUTED)]
    return line(*parts, key=row.guid)


def heads(sort: Sort, widths: Widths, *, descending: bool) -> Line:
    """Return the line with the column headings; the sorted column has an arrow."""
    arrow = "▲" if descending else "▼"

    def head(column: Sort, text: str, room: int) -> str:
        return fitted(f"{text} {arrow}" if sort == column else text, room)

    name = "name" if sort != "name" else f"PBX name {arrow}"
    text = f" {head('activity', 'shows', 11)}  {head('display_name', name, widths.name)}  "
    note = "note" if sort != "state" else f"note, by state {arrow}"
    text += fitted(note, widths.note)
    if widths.mailbox:
        text += f"  {head('mailbox', 'mailbox', widths.mailbox - 2)}"
    return line(Span(f"{text}  until  read ", Role.TITLE))


def name_of(row: UserRow) -> str:
    """Return the name that a user is listed by."""
    return row.display_name or row.name


def _note(row: UserRow) -> Span:
    """Return the note, or the problem or state in its place."""
    if row.state == "problem":
        return Span(f"✗ {row.problem_title or row.problem or 'problem'}", Role.PROBLEM)
    if row.state == "unread":
        return Span("· not read yet", Role.MUTED)
    if row.withheld is not None:
        would = f"{activity(row.withheld.activity).text.rstrip()} {row.withheld.note}".rstrip()
        return Span(f"▷ {row.not_written or 'dry run'}, would be: {would}", Role.NOTICE)
    if row.state == "pending":
        return Span(f"… to be set  {row.note}", Role.NOTICE)
    return Span(row.note)


def _time(instant: datetime | None, zone: tzinfo, now: datetime) -> str:
    """Return a time in five columns: the time of day, or the date if it is not today."""
    if instant is None:
        return "     "
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%d.%m}"
