"""The page of whose calendar may be read: everybody by cause, each with its remedy, and how far the check has come."""

from collections.abc import Iterator
from datetime import datetime

from calendar_tui.documents.cells import in_sight
from calendar_tui.documents.form_page import FormState, Page, marked, text
from calendar_tui.documents.setup_check import failed, running
from calendar_tui.documents.setup_page import fixes_of
from engine.api.schema.setup import SetupCheck, SetupPage
from engine.api.schema.setup_users import SetupAccess, SetupAccessCause, SetupAccessUser
from engine.display import counted
from engine.documents.columns import columns
from engine.documents.lines import Line, Role, Span, cut, fitted, line, wrapped

CAUSE, READABLE = "cause=", "readable"
"""Keys of the lines of a cause, and of those that can be read."""

_COUNT = 38
"""Columns before the number of users of a cause."""

_BAR = 22
_NAMED = 3
"""Users that are named below a cause without the cursor."""

_AROUND = 5
"""Rows besides the causes."""


def access_page(page: SetupPage, readable: tuple[str, ...] | None, state: FormState) -> Page:
    """Return everybody by cause; `readable` are the names of those who can be read, if they are to be listed."""
    access, check = page.access, running(page)
    if access is None or (check is None and access.tried == 0):
        return text(*_without_users(page, state))
    lines = list(_causes(access, readable, state))
    room = state.height - _AROUND - (1 if access.zones else 0) - len(fixes_of(page)[:1])
    shown = in_sight(lines, state.cursor, room) if len(lines) > room else lines
    zones = (*_zones(access, state.width), *_fix(page, state.width))
    return text(*shown, *zones, line(), _bar(access, check or page.check, state), _keys(access, check))


def _without_users(page: SetupPage, state: FormState) -> Iterator[Line]:
    """Yield why nobody was tried yet."""
    if running(page) is not None:
        yield line(Span("… asking the PBX who takes part, and Exchange for the first calendar", Role.MUTED))
    ended = failed(page)
    for rung in ended.rungs if ended is not None else ():
        if rung.trouble is not None:
            yield from marked("✗", f"{rung.trouble.title}: {rung.trouble.detail or rung.name}.", state.width)
            yield from marked("→", rung.remedy, state.width)
    if ended is not None:
        yield line(Span("^R", Role.KEY), " tries it again")


def _causes(access: SetupAccess, readable: tuple[str, ...] | None, state: FormState) -> Iterator[Line]:
    for cause in access.causes:
        yield from _cause(cause, state)
    number = Span(f"{access.readable:>5,}", Role.PLAIN)
    title = Span(f" ✓ {fitted('Can be read', _COUNT - 3)}", Role.GOOD)
    yield line(title, number, "    ", Span("v", Role.KEY), Span(" all", Role.MUTED), key=READABLE)
    if readable is not None:
        yield from wrapped(", ".join(readable) or "nobody", state.width, "    ", Role.MUTED)


def _cause(cause: SetupAccessCause, state: FormState) -> Iterator[Line]:
    """Yield a cause: whom it stops, and what to do about it."""
    key = f"{CAUSE}{cause.type}"
    title = Span(f" ✗ {fitted(cause.title, _COUNT - 3)}", Role.PROBLEM)
    yield line(title, f"{cause.count:>5,}", key=key)
    copies = (" ", Span("c", Role.KEY), " copy") if cause.commands else ()
    *before, last = wrapped(f"→ {cause.remedy}", state.width - 7, "    ", most=None if state.cursor == key else 2)
    yield from before  # the names of many would leave no room for it
    yield line(*last.spans, *copies)
    most = len(cause.users) if state.cursor == key else _NAMED
    for user in cause.users[:most]:
        yield line("    ", fitted(user.label, 18), "  ", Span(cut(_place(user), state.width - 24), Role.MUTED))
    if cause.count > most:
        yield line(Span(f"    … {cause.count - most:,} more", Role.MUTED))


def _place(user: SetupAccessUser) -> str:
    if user.address:
        return user.address
    return f"looked for {', '.join(user.looked_for)}" if user.looked_for else "has no address in the PBX"


def _zones(access: SetupAccess, width: int) -> Iterator[Line]:
    """Yield the time zones of the mailboxes, which tell whether that of the site is right."""
    if access.zones:
        first = next(iter(access.zones))
        parts = [
            f"{counted(number, 'mailbox', 'mailboxes') if name == first else f'{number:,}'} {name}"
            for name, number in access.zones.items()
        ]
        mark = "✓" if len(access.zones) == 1 else "!"
        for each in marked(mark, f"Zone: {', '.join(parts)}", width - 1, most=2):
            yield line(" ", *each.spans)


def _fix(page: SetupPage, width: int) -> Iterator[Line]:
    """Yield the key that mends what was found, if the program can do that."""
    for fix in fixes_of(page)[:1]:
        keys = f"  {', '.join(fix.keys)}"
        yield line(Span(" ^F", Role.KEY), f" {cut(fix.label, width - 4 - columns(keys))}", Span(keys, Role.MUTED))


def _bar(access: SetupAccess, check: SetupCheck | None, state: FormState) -> Line:
    """Return how many were tried, and how long it takes or took."""
    done = _BAR * access.tried // max(access.total, 1)
    seconds = _seconds(check, state.now) if check is not None else ""
    stops = (Span("Esc", Role.KEY), " stops") if check is not None and check.operation.state == "running" else ()
    figures = f"  {access.tried:,} of {access.total:,}   {seconds}"
    return line(Span("█" * done, Role.BAR), Span("░" * (_BAR - done), Role.MUTED), fitted(figures, 28), *stops)


def _seconds(check: SetupCheck, now: datetime) -> str:
    end = check.operation.ended or now
    return f"{max(0, round((end - check.operation.begun).total_seconds()))} s"


def _keys(access: SetupAccess, check: SetupCheck | None) -> Line:
    """Return the keys, as far as they do anything."""
    if check is not None:
        return line()
    again = [("F", "again the ✗")] if access.causes else []
    keys = [("Enter", "next"), *again, ("^R", "all again"), ("w", "CSV")]
    return line(*(part for key, does in keys for part in (Span(key, Role.KEY), f" {does}  ")))


def access_figures(access: SetupAccess) -> str:
    """Return how many can be read and how many cannot, of all."""
    return f"{access.readable:,} ✓  {access.tried - access.readable:,} ✗   of {access.total:,}"
