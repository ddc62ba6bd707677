"""Users as lines, each with the columns of a table."""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from engine.api.schema import UserRow
from engine.documents.columns import columns, printable
from engine.documents.lines import UNLIMITED, Document, Line, Role, Span, activity, cut, fitted, line
from engine.documents.tables import as_csv

WIDE, NARROW = 112, 58
"""Minimum width to show the mailbox; below the other one a table is beside another pane."""

OTHERS = 33
"""Width of the activity, the times and the blanks between them."""


class Widths(NamedTuple):
    """The widths of names, notes and mailboxes; that of mailboxes may be 0. `is_short`: no time of reading."""

    name: int
    note: int
    mailbox: int = 0
    is_short: bool = False


def widths_of(width: int) -> Widths:
    """Return the widths for a table of `width` columns."""
    if width < NARROW:
        name = 20 if width >= 50 else 14
        return Widths(name, max(0, width - name - 23), is_short=True)
    name, mailbox = (24, 30) if width >= WIDE else (20, 0)
    return Widths(name, width - OTHERS - name - (mailbox + 2 if mailbox else 0), mailbox)


def users_document(rows: Sequence[UserRow], zone: tzinfo, now: datetime, width: int) -> Document:
    """Return a table of users in order of their names."""
    widths = widths_of(width) if width < UNLIMITED else _needed(rows)
    return Document([heads(widths), *(user_line(row, zone, now, widths) for row in rows)])


def _needed(rows: Sequence[UserRow]) -> Widths:
    """Return the widths with which nothing is cut."""
    names, notes, mailboxes = {20}, {4}, {7}
    for row in rows:
        names.add(columns(printable(name_of(row))))
        whose = 0 if row.owner is None else columns(printable(_whose(row.owner))) + 2
        notes.add(columns(printable(_note(row).text)) + whose)
        mailboxes.add(columns(printable(row.mailbox or "")))
    return Widths(max(names), max(notes), max(mailboxes))


def user_line(row: UserRow, zone: tzinfo, now: datetime, widths: Widths) -> Line:
    """Return the line of a user: activity, name, note or problem, end, and when the calendar was read."""
    note, name = _note(row), fitted(name_of(row), widths.name)
    if row.owner is not None:
        return _line_elsewhere(row, row.owner, note, zone, now, widths)
    until = Span(_time(row.until, zone, now) if note.role is not Role.PROBLEM else " " * 5)
    if widths.is_short:
        short = note._replace(text=fitted(_without_state(note.text), widths.note))
        return line("  ", _shows(row), " ", name, " ", until, "  ", short, key=row.guid)
    parts: list[str | Span] = ["  ", _shows(row), "  ", name, "  ", note._replace(text=fitted(note.text, widths.note))]
    if widths.mailbox:
        parts += ["  ", Span(fitted(row.mailbox or "", widths.mailbox), Role.MUTED)]
    parts += ["  ", until, "  ", Span(_time(row.last_read, zone, now), Role.MUTED)]
    return line(*parts, key=row.guid)


def _line_elsewhere(row: UserRow, owner: str, note: Span, zone: tzinfo, now: datetime, widths: Widths) -> Line:
    """Return the line of a user of another node, whose name is at the end of the note."""
    whose = _whose(owner)
    room = max(0, widths.note - columns(printable(whose)) - 2)
    text = fitted(_without_state(note.text) if widths.is_short else note.text, room)
    at = Span(f"  {cut(whose, widths.note)}" if room else cut(whose, widths.note), Role.MUTED)
    until = _time(row.until, zone, now)
    name = fitted(name_of(row), widths.name)
    if widths.is_short:
        return line("  ", _shows(row), " ", name, " ", until, "  ", note._replace(text=text), at, key=row.guid)
    gap = f"  {'':{widths.mailbox}}" if widths.mailbox else ""
    return line("  ", _shows(row), "  ", name, "  ", note._replace(text=text), at, gap, "  ", until, key=row.guid)


def _whose(owner: str) -> str:
    return f"node {owner}" if owner else "no node"


def heads(widths: Widths) -> Line:
    """Return the line with the column headings."""
    start = f"  {'shows':<11}"
    if widths.is_short:
        return line(Span(f"{start} {'name':<{widths.name}} until  note", Role.TITLE))
    mailbox = f"  {'mailbox':<{widths.mailbox}}" if widths.mailbox else ""
    text = f"{start}  {'name':<{widths.name}}  {fitted('note', widths.note)}{mailbox}  until   read"
    return line(Span(text, Role.TITLE))


HEADS = ("name", "PBX name", "mailbox", "shows", "note", "state", "problem", "would show", "read")


def table(rows: Iterable[UserRow]) -> str:
    """Return users as a table for spreadsheets, with the nodes of those of other nodes, if there are any."""
    rows = tuple(rows)
    if all(row.owner is None for row in rows):
        return as_csv(HEADS, map(_cells, rows))
    return as_csv((*HEADS, "node"), [(*_cells(row), row.owner or "") for row in rows])


def _cells(row: UserRow) -> tuple[str, ...]:
    would = f"{row.withheld.activity} {row.withheld.note}".rstrip() if row.withheld else ""
    read = row.last_read.isoformat(timespec="seconds") if row.last_read else ""
    shows = (row.activity or "", row.note, row.state, row.problem_title or "", would)
    return (name_of(row), row.name, row.mailbox or "", *shows, read)


def name_of(row: UserRow) -> str:
    """Return the name that a user is listed by."""
    return row.display_name or row.name


def _shows(row: UserRow) -> Span:
    """Return what the PBX shows, or that there is a problem, in eleven columns."""
    if row.state == "problem":
        return Span("✗ problem  ", Role.PROBLEM)
    return Span("· waiting  ", Role.MUTED) if row.state == "unread" else activity(row.activity)


def _note(row: UserRow) -> Span:
    """Return the note, or the problem or state in its place."""
    if row.state == "problem":
        return Span(row.problem_title or row.problem or "problem", Role.PROBLEM)
    if row.state == "unread":
        return Span("the calendar is not read yet", Role.MUTED)
    if row.withheld is not None:
        would = f"{activity(row.withheld.activity).text.rstrip()} {row.withheld.note}".rstrip()
        return Span(f"{row.not_written or 'dry run'}, would show {would}", Role.NOTICE)
    if row.state == "pending":
        return Span(f"… to be written  {row.note}".rstrip(), Role.NOTICE)
    return Span(row.note)


def _without_state(note: str) -> str:
    """Return a note without the word for the state that the column beside it shows."""
    state, colon, rest = note.partition(": ")
    return rest if colon and " " not in state else note


def _time(instant: datetime | None, zone: tzinfo, now: datetime) -> str:
    """Return a time in five columns: the time of day, or the date if it is not today."""
    if instant is None:
        return "     "
    local = instant.astimezone(zone)
    if local.date() == now.astimezone(zone).date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b}" if local.day < 10 else f"{local:%d%b}"
