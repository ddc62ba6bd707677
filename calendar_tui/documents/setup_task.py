"""The page of something to do over there: in the PBX, in Exchange or in Entra, while the engine watches."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from types import MappingProxyType

from calendar_tui.documents.form_page import Page, marked, text
from engine.api.schema.setup import SetupTask, SetupTaskLine, SetupText, SetupWatch
from engine.documents.columns import columns, filled, printable
from engine.documents.lines import Line, Role, Span, line, wrapped

_NAMES = 11
"""Columns of what a value is for."""

COLLEAGUE = "colleague"
"""The name of the text that tells everything in words."""

FOLD = "⏎"
"""Marks where a line goes on below, on the screen only."""

NARROWEST = 10
"""Columns of the shortest part of a folded line."""


def task_lines(task: SetupTask, own_password: str, width: int) -> Page:
    """Return what to do, step by step; `own_password` is the one made here, "" while it is hidden."""
    lines: list[Line] = []
    ticks: list[SetupTaskLine] = []
    for each in task.lines:
        if each.tick is not None:
            ticks.append(each)
            continue
        lines += _ticks(ticks)
        ticks.clear()
        lines += _task_line(each, own_password, width)
    return text(*lines, *_ticks(ticks))


def _task_line(each: SetupTaskLine, own_password: str, width: int) -> Iterator[Line]:
    number = f"{each.number} " if each.number else "  "
    named = filled(each.text, max(_NAMES, columns(each.text) + 2))
    if each.secret:
        shown = own_password or "•" * 14
        hint = (Span("p", Role.KEY), Span(" shows or hides it", Role.MUTED))
        yield line(Span(number, Role.KEY), filled(each.text, _NAMES), filled(shown, 22), *hint)
    elif not each.text:
        yield from script(each.value, width)
    elif each.value and columns(number) + columns(named) + columns(each.value) <= width:
        yield line(Span(number, Role.KEY), named, Span(each.value, Role.TITLE))
    else:
        for place, part in enumerate(wrapped(each.text, width, "  ")):
            yield part if place else line(Span(number, Role.KEY), part.text[2:])
        yield from (line("    ", Span(part, Role.TITLE)) for part in folded(each.value, width - 4) if each.value)


def _ticks(ticks: Sequence[SetupTaskLine]) -> Iterator[Line]:
    """Yield the check marks to set in one row, those to leave out in another."""
    for word, wanted, sign in (("Tick", True, "[x]"), ("Not", False, "[ ]")):
        chosen = [each for each in ticks if each.tick is wanted]
        if chosen:
            number = next((f"{each.number} " for each in chosen if each.number), "  ")
            listed = "   ".join(f"{sign} {each.text}" for each in chosen)
            yield line(Span(number, Role.KEY), filled(word, _NAMES), listed)


def script(source: str, width: int) -> Iterator[Line]:
    """Yield a script whose long lines are folded at the right edge."""
    for each in source.splitlines():
        yield from (line(" " + part) for part in folded(each, width - 3))


def folded(source: str, width: int) -> Iterator[str]:
    """Yield a line of a script in parts of at most `width` columns; each but the last ends with a sign.

    Before the screen has a size there is no width at all; parts are never narrower than a few columns.
    """
    rest, width = printable(source), max(width, NARROWEST)
    while columns(rest) > width:
        part = _beginning(rest, width - 1)
        yield part + FOLD
        rest = rest[len(part) :]
    yield rest


def _beginning(source: str, width: int) -> str:
    end = min(len(source), width)
    while columns(source[:end]) > width:
        end -= 1
    return source[: max(end, 1)]


def ways_to_take(task: SetupTask, *, is_at_field: bool) -> Line:
    """Return the keys that copy, save or pass on what the page holds, and where they are not typed."""
    with_secret = any(each.secret for each in task.lines)
    first = next((each for each in task.texts if each.name != COLLEAGUE), None)
    label = "password" if with_secret else first.label if first is not None else ""
    ways = [("c", "copy" if is_at_field else f"copy {label}")] if label else []
    ways += [("w", "file")] if task.texts else []
    named = {each.name for each in task.texts if each is not first}
    ways += [(key, short) for name, (key, short) in KEYS.items() if name in named]
    if is_at_field:
        return line(Span("outside fields: " + "  ".join(f"{key} {what}" for key, what in ways), Role.MUTED))
    return line(*(part for key, what in ways for part in (Span(key, Role.KEY), Span(f" {what}   "))))


KEYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"az": ("z", "az"), "group": ("s", "PowerShell"), COLLEAGUE: ("t", "as text")}
)
"""The keys that copy a text, each with a word, by its name; the first text of a page is also copied by c."""


def text_of(texts: Sequence[SetupText], name: str) -> SetupText | None:
    """Return the text that a command of this name is about: that of the name, else the first that is no prose."""
    named = next((each for each in texts if each.name == name), None)
    return named or next((each for each in texts if each.name != COLLEAGUE), next(iter(texts), None))


def watching(watch: SetupWatch, now: datetime, zone: tzinfo, width: int, *, is_at_field: bool = False) -> Page:
    """Return what the engine has seen over there and what to do about it, unless that `is_at_field`, and when it looks
    again."""
    if watch.stopped:
        return text(*marked("✗", watch.stopped, width))
    seconds = round((watch.next - now).total_seconds()) if watch.next else 0
    again = f"again in {seconds} s" if seconds > 0 else "looking now"
    looked = f"looked {watch.looked} {'time' if watch.looked == 1 else 'times'}, {again}; I go on as soon as it works"
    if is_at_field:
        return text(line(Span(f"… {looked}", Role.MUTED)))
    at = f"… {watch.last.astimezone(zone):%H:%M:%S}  " if watch.last else "… "
    first, *others = wrapped(f"{at}{watch.finding or 'looking'}", width, "  ", most=2)
    lines = [line(Span(at, Role.MUTED), first.text[2 + len(at) :]), *others]
    if watch.remedy:
        lines += marked("→", watch.remedy, width, most=3)
    return text(*lines, line(Span(f"  {looked}", Role.MUTED)))
