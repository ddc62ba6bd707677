"""The overview: both connections, how many users are up to date, problems by severity, and the last changes."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from calendar_tui.documents.setup_entry import FLOW_OF
from calendar_tui.model import Lost, Model, sparkline
from engine.api.schema import ChangeEvent, Concern, Status
from engine.api.schema.checks import RungAccount
from engine.api.schema.setup import Setup
from engine.display import counted
from engine.documents.cluster import node_lines
from engine.documents.columns import columns
from engine.documents.lines import Document, Line, Role, Span, beside, cut, heading, line, wrapped
from engine.documents.links import link_lines, spread, user_figures
from engine.documents.problems import PROBLEM, problem_line, problems_heading
from engine.documents.quantities import age, clock
from engine.documents.status import change_line

LEAST_CHANGES = 2
"""Number of changes always shown."""

SHORTEST_BARS, LONGEST_BARS = 8, 60
"""Columns that bars need, and those that they take at most: one for each minute."""

REMEDY_ROWS = 2
"""Rows of a remedy below the problem under the cursor; Enter shows all of it."""

MORE, OPENS = " … {} more ↓", " … {} more ↑"


def states(model: Model, width: int) -> list[Line]:
    """Return a line for each connection, with the numbers of users and of the last hour."""
    status = model.status
    if status is None:
        return [line(Span(" Nothing is known yet.", Role.MUTED)), line()]
    figures = (partial(spread, user_figures(status)), partial(_last_hour, model, status))
    lines = list(link_lines(status, model.zone, width, figures, known_until=model.stale_since))
    return faded(model, lines)


def nodes(model: Model, width: int, most: int) -> list[Line]:
    """Return a line for each node of a cluster, at most so many."""
    cluster = model.status.cluster if model.status is not None else None
    if cluster is None:
        return []
    return faded(model, list(node_lines(cluster, model.zone, model.now, width, most, known_until=model.stale_since)))


def _last_hour(model: Model, status: Status, room: int) -> list[Span]:
    """Return the numbers of changes and errors of the last hour, and the changes as bars if there is room."""
    changes, errors = model.last_hour.changes(model.now), model.last_hour.errors(model.now)
    if model.stale_since is not None:
        return [Span("Last hour   –")]
    number = f"{sum(changes):,} would change" if status.dry_run else counted(sum(changes), "change")
    parts = [Span("Last hour"), Span(number)]
    if sum(errors):
        parts.append(Span(counted(sum(errors), "error"), Role.PROBLEM))
    left = room - sum(columns(part.text) + 3 for part in parts)
    bars = sparkline(changes, min(LONGEST_BARS, left)) if left >= SHORTEST_BARS else ""
    return [*spread(parts, room), Span(f" {bars}", Role.BAR)] if bars.strip() else spread(parts, room)


def overview(model: Model, width: int, height: int, opened: str) -> Document:
    """Return problems and changes for a number of columns and rows; the problem or change `opened` is in sight."""
    if model.status is None:
        return Document()
    least = 2 + min(LEAST_CHANGES, max(1, len(model.changes)))
    number = len(model.status.concerns)
    above = faded(model, [problems_heading(f" Problems {number:,}{as_of(model)}", width)] if number else [])
    above += problems(model, width, height - least - len(above), opened)
    title = heading(f" {changes_title(model)}")
    below = changes(model, width, height - len(above) - 2, opened)
    return Document([*above, line(), *faded(model, [title]), *below])


def as_of(model: Model) -> str:
    """Return from when old data is, empty if it is not old."""
    return f", as of {clock(model.stale_since, model.zone, model.now)}" if model.stale_since else ""


def problems(model: Model, width: int, height: int, opened: str) -> list[Line]:
    """Return the problems, the worst first; below the one under the cursor what to do about it."""
    concerns = model.status.concerns if model.status else ()
    if not concerns:
        good = " ✓ No problems. The PBX shows what the calendars say."
        return faded(model, [line(Span(good, Role.GOOD))])
    keys = [f"{PROBLEM}{each.trouble.type}" for each in concerns]
    place = keys.index(opened) if opened in keys else None if opened else 0
    below = _remedy(concerns[place], width) if place is not None else []
    seen = in_sight(len(keys), place or 0, len(below), height)
    lines = _more(OPENS, seen.start, keys[seen.start - 1])
    for index in seen:
        lines.append(problem_line(concerns[index], model.zone, model.now, width))
        lines += below if index == place else []
    return faded(model, [*lines, *_more(MORE, len(keys) - seen.stop, keys[seen.stop - len(keys)])])


def _remedy(concern: Concern, width: int) -> list[Line]:
    """Return what to do about a problem, and the keys for it."""
    lines = wrapped(concern.trouble.remedy, width - 2, "    ", most=REMEDY_ROWS)
    keys = [Span("    Enter", Role.KEY), Span(" details  ", Role.MUTED), Span("l", Role.KEY)]
    log = f" {concern.link} messages" if concern.link else " its log"
    again = [Span("  F", Role.KEY), Span(" look again now", Role.MUTED)]
    is_of_users = concern.count and concern.link is None
    mends = [Span("  m", Role.KEY), Span(" mend it", Role.MUTED)] if concern.trouble.type in FLOW_OF else []
    return [*lines, line(*keys, Span(log, Role.MUTED), *(again if is_of_users else ()), *mends)]


def changes_title(model: Model) -> str:
    """Return what the last changes are called: in a dry run nothing has changed."""
    return "Would have changed" if model.status is not None and model.status.dry_run else "Last changes"


def changes(model: Model, width: int, height: int, opened: str) -> list[Line]:
    """Return the last changes, the newest first."""
    if not model.changes:
        return [line(Span("   none yet", Role.MUTED))]
    return faded(model, change_lines(model, list(model.changes), width, height, opened))


def change_lines(model: Model, known: Sequence[ChangeEvent], width: int, height: int, opened: str) -> list[Line]:
    """Return as many changes as fit, with the one `opened` among them."""
    number = opened.rpartition(":")[2]
    place = next((index for index, each in enumerate(known) if str(each.number) == number), 0)
    seen = in_sight(len(known), place, 0, height)
    lines = [change_line(each, model.zone, width) for each in known[seen.start : seen.stop]]
    above = _more(OPENS, seen.start, change_line(known[seen.start - 1], model.zone, width).key)
    below = _more(MORE, len(known) - seen.stop, change_line(known[seen.stop - len(known)], model.zone, width).key)
    return [*above, *lines, *below]


def _more(text: str, number: int, key: str) -> list[Line]:
    """Return the line that tells how many are out of sight, with the key of the first of them: to go there shows it."""
    return [line(Span(text.format(number), Role.MUTED), key=key)] if number else []


def in_sight(number: int, place: int, below: int, rows: int) -> range:
    """Return which of a `number` of items fit into `rows`, with the one at `place` and `below` rows of its own among
    them, and a row for those that are out of sight at either end."""
    if number + below <= rows:
        return range(number)
    fitting = max(1, rows - below - 1)
    if place < fitting:
        return range(fitting)
    if place >= number - fitting:
        return range(number - fitting, number)
    fitting = max(1, fitting - 1)
    return range(place - fitting + 1, place + 1)


def faded(model: Model, lines: Sequence[Line]) -> list[Line]:
    """Return lines without colours if what they tell is old."""
    if not isinstance(model.attachment, Lost):
        return list(lines)
    return [each._replace(spans=tuple(span._replace(role=Role.MUTED) for span in each.spans)) for each in lines]


def errors(model: Model, width: int) -> Document:
    """Return the errors of the last hour, the newest first."""
    known = model.errors_of_last_hour
    if not known:
        return Document([line(Span(" ✓ No errors in the last hour.", Role.GOOD))])
    return Document([change_line(each, model.zone, width) for each in known])


FIRST_START = """\
Nothing is set up yet. It takes about ten minutes; you can stop and go on at any time, and nothing is written to the \
PBX before you say so."""

NEEDED = (
    ("PBX", "its address, and somebody who may add an App object there"),
    ("Exchange", "a service account, or an administrator of the Microsoft 365 tenant (Exchange Online)"),
)


SET_UP = "set up"
ENTRIES: Mapping[str, str] = MappingProxyType(
    {SET_UP: "Set up now", "answers": "Load an answers file", "demo": "Look around (demo data)"}
)
"""What can be done before anything is set up."""

BY_COMMAND: Mapping[str, str] = MappingProxyType(
    {
        "answers": "By a command: calendar-engine setup --answers FILE (man calendar-engine says what is in it).",
        "demo": "By a command: calendar-tui --demo. It needs no settings, and changes nothing here.",
    }
)
"""How that is done which this program does not do itself."""


def first_start(model: Model, machine: Sequence[RungAccount], draft: Setup | None, width: int) -> Document:
    """Return what an administrator sees before anything is set up; `machine` is what was found about the machine, and
    `draft` a set-up that somebody has begun."""
    lines = [*wrapped(FIRST_START, width - 1, " "), line(), line(" You will need")]
    for what, needed in NEEDED:
        lines += beside((Span(f"   {what:<12}  "),), needed, width - 2)
    for number, rung in enumerate(machine):
        mark, role = _MARKS[rung.outcome]
        label = "" if number else "this machine"
        lines += beside((Span(f"   {label:<12}  "), Span(f"{mark} ", role)), _found(rung), width - 2)
    lines += [line()]
    for concern in model.status.concerns if model.status else ():
        if concern.trouble.type != "settings-missing":
            lines += [line(Span(f" ✗ {concern.trouble.title}", Role.PROBLEM))]
            lines += [*wrapped(concern.trouble.remedy, width - 2, "   "), line()]
    entries = {**ENTRIES, SET_UP: _goes_on(draft, model)} if draft is not None else ENTRIES
    return Document([*lines, *(line(cut(f"  {text}", width - 1), key=key) for key, text in entries.items())])


_MARKS: Mapping[str, tuple[str, Role]] = MappingProxyType(
    {"ok": ("✓", Role.GOOD), "failed": ("✗", Role.PROBLEM), "skipped": ("!", Role.NOTICE)}
)


def _found(rung: RungAccount) -> str:
    """Return what was found about the machine, with its remedy."""
    if rung.trouble is not None:
        return f"{rung.trouble.title}: {rung.trouble.detail}. {rung.remedy}"
    return ", ".join(rung.evidence) or f"{rung.name}: {rung.skipped_because}"


def _goes_on(draft: Setup, model: Model) -> str:
    """Return the entry that goes on with a set-up which somebody has begun."""
    step = next((each.number for each in draft.steps if each.name == draft.page.step), 1)
    where = f"step {step} of {len(draft.steps)}"
    who = draft.person
    if who.is_present and not who.is_you:
        seconds = (model.now - who.last).total_seconds()
        return f"Watch or take over: {who.name} is at {where}, last key {age(seconds)} ago"
    return f"Go on with the set-up of {who.name} ({where}, last answer {clock(who.last, model.zone, model.now)})"
