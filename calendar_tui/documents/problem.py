"""One problem: what is wrong, what to do about it with the commands for it, and the users it concerns."""

from calendar_tui.documents.setup_entry import FLOW_OF
from calendar_tui.model import Model
from engine.api.schema import Concern, UserRow
from engine.display import counted
from engine.documents.lines import Document, Line, Role, Span, fitted, line, wrapped
from engine.documents.problem_commands import WHERE, commands_for
from engine.documents.problems import SEVERE, whose_and_how_much
from engine.documents.quantities import clock
from engine.documents.user_rows import name_of

COMMANDS_SHOWN = 3
"""Commands that are shown; all of them are copied and written."""


def affected(model: Model, concern: Concern) -> list[UserRow]:
    """Return the users with a problem, by name; none if it is one of a whole side."""
    if concern.link is not None:
        return []
    rows = model.users.rows
    named = {user.guid for user in concern.users}
    slug = concern.trouble.type
    found = [row for row in rows.values() if row.problem == slug or row.guid in named]
    return sorted(found, key=lambda row: name_of(row).casefold())


def commands(model: Model, concern: Concern) -> tuple[str, ...]:
    """Return the commands that mend a problem for all users who have it."""
    addresses = (row.mailbox or row.name for row in affected(model, concern))
    return commands_for(concern.trouble.type, addresses)


def whom_and_since(model: Model, concern: Concern) -> str:
    """Return whom a problem concerns, and since when."""
    whom = counted(concern.count, "user") if concern.count else concern.link or ""
    since = f"since {clock(concern.since, model.zone, model.now)}" if concern.since else ""
    return ", ".join(part for part in (whom, since) if part)


def problem_document(model: Model, concern: Concern | None, width: int) -> Document:
    """Return everything about a problem; it is solved if there is none any more."""
    if concern is None:
        return Document([line(), line(Span(" ✓ This problem is solved.", Role.GOOD))])
    trouble = concern.trouble
    mark, role = ("✗", Role.PROBLEM) if concern.severity in SEVERE else ("!", Role.NOTICE)
    lines = wrapped(f"{mark} {trouble.title}", width - 2, " ", role)
    if trouble.detail and not concern.users:
        lines += wrapped(trouble.detail, width - 2, "   ")
    lines += _marked("→", trouble.remedy, width)
    lines += _command_lines(commands(model, concern), width)
    if trouble.type in FLOW_OF:
        lines.append(line(Span("   m", Role.KEY), Span(" mend it in the set-up", Role.MUTED)))
    lines += [*_link(model, concern), whose_and_how_much(trouble), line()]
    for row in affected(model, concern):
        read = f"read {clock(row.last_read, model.zone, model.now)}" if row.last_read else "never read"
        mailbox = row.mailbox or row.name
        room = max(10, width - 3 - 20 - 2 - 14)
        name = fitted(name_of(row), 20)
        lines.append(line(f"   {name}  {fitted(mailbox, room)}", Span(f"{read:>13}", Role.MUTED), key=row.guid))
    return Document(lines)


def _marked(mark: str, text: str, width: int) -> list[Line]:
    """Return a text whose first line begins with a mark."""
    first, *others = wrapped(text, width - 2, "   ") or [line()]
    return [line(Span(f" {mark} ", Role.KEY), first.text.lstrip()), *others]


def _command_lines(found: tuple[str, ...], width: int) -> list[Line]:
    """Return the first commands, and the keys that copy and write all of them."""
    if not found:
        return []
    lines = [line(f"   {WHERE}")]
    for each in found[:COMMANDS_SHOWN]:
        lines += wrapped(each, width - 1, "     ", Role.KEY)
    number = f" copy all {counted(len(found), 'line')}   "
    keys = (
        Span("   c", Role.KEY),
        Span(number, Role.MUTED),
        Span("w", Role.KEY),
        Span(" write them to a file", Role.MUTED),
    )
    return [*lines, line(*keys)]


def _link(model: Model, concern: Concern) -> list[Line]:
    """Return how the connection is that a problem is about."""
    lines = []
    for link in model.status.links if model.status else ():
        if link.name == concern.link:
            since = f" since {clock(link.since, model.zone, model.now)}" if link.since else ""
            waits = f", next try at {link.retry_at.astimezone(model.zone):%H:%M:%S}" if link.retry_at else ""
            lines.append(line(f"   {link.name} {'works' if link.works else 'is down'}{since}{waits}."))
    return lines
