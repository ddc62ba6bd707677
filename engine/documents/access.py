"""Whose calendars can be read, as lines."""

from collections.abc import Iterator, Sequence

from engine.api.schema.access import AccessSelection, AccessUser
from engine.api.schema.setup_users import SetupAccess, SetupAccessCause
from engine.documents.lines import Line, Role, Span, line, wrapped
from engine.documents.tables import as_csv

INDENT = " " * 4
MOST_NAMED = 20
HEADS = ("guid", "name", "label", "address", "looked_for", "stage", "problem", "detail", "remedy")


def access_document(access: SetupAccess, width: int) -> Iterator[Line]:
    """Yield how many calendars can be read, and why the others cannot, with the remedy."""
    role = Role.GOOD if access.readable == access.total else Role.PLAIN
    yield line(Span(f"{access.readable} of {access.total} calendars can be read", role))
    if access.tried < access.total:
        yield line(f"{access.total - access.tried} were not tried")
    if access.zones:
        zones = ", ".join(f"{number} {name}" for name, number in access.zones.items())
        yield from wrapped(f"Time zones of the mailboxes: {zones}", width, "")
    for cause in access.causes:
        yield from _cause(cause, width)


def selection_document(selection: AccessSelection, width: int) -> Iterator[Line]:
    """Yield who takes part and who is left out, and what a selection can be made of."""
    total = len(selection.taken) + len(selection.left_out)
    yield line(f"{len(selection.taken)} of {total} users take part")
    for title, names in (("Taken", selection.taken), ("Left out", selection.left_out)):
        if names:
            yield from wrapped(f"{title}: {', '.join(names)}", width, "")
    for title, choices in (
        ("Groups", selection.groups),
        ("Nodes", selection.nodes),
        ("Locations", selection.locations),
        ("Templates", selection.templates),
    ):
        if choices:
            yield from wrapped(f"{title}: {', '.join(f'{each.name} {each.count}' for each in choices)}", width, "")


def access_csv(users: Sequence[AccessUser]) -> str:
    """Return everybody as a table for spreadsheets, with what came of trying to read the calendar."""
    return as_csv(HEADS, map(_row, users))


def _row(user: AccessUser) -> tuple[str, ...]:
    failed = (user.stage or "", user.problem, user.detail, user.remedy)
    return (user.guid, user.name, user.label, user.address, " ".join(user.looked_for), *failed)


def _cause(cause: SetupAccessCause, width: int) -> Iterator[Line]:
    yield line("")
    yield line(Span("✗", Role.PROBLEM), f" {cause.title}: {cause.count}")
    for user in cause.users[:MOST_NAMED]:
        place = user.address or f"looked for {', '.join(user.looked_for) or 'nothing: it has no address'}"
        yield from wrapped(f"{user.label}  {place}", width, INDENT)
    if cause.count > MOST_NAMED:
        yield line(f"{INDENT}and {cause.count - MOST_NAMED} more")
    yield from wrapped(cause.remedy, width, INDENT, Role.NOTICE)
    for command in cause.commands[:MOST_NAMED]:
        yield line(f"{INDENT}{command}")
    if len(cause.commands) > MOST_NAMED:
        yield line(f"{INDENT}and {len(cause.commands) - MOST_NAMED} more such lines: --json has them all")
