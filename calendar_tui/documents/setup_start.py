"""The page on which it is chosen whose presences are written, and the page after everything was applied."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from calendar_tui.documents.form_page import FormState, InputPlace, Page, marked, radio, text
from calendar_tui.documents.setup_page import chosen_option
from engine.api.schema.checks import RungAccount
from engine.api.schema.settings import SettingProblem
from engine.api.schema.setup import SetupApplied, SetupField, SetupOption, SetupPage
from engine.display import counted
from engine.documents.lines import Document, Line, Role, Span, cut, fitted, line, wrapped

START, PILOTS, WITHIN = "setup.start", "engine.pilots", "setup.keep_within"

_OPTION, _NAMES, _SECONDS = 26, 27, 8
"""Columns of an option before its remark, of the pilots, and of the seconds to keep it in."""

MOST_PROBLEMS = 4

OVERVIEW, LEARN, LIVE = "overview", "learn", "live"
"""Keys of what can be done after the set-up."""


def start_page(
    page: SetupPage, problems: Sequence[SettingProblem], machine: Sequence[RungAccount], state: FormState
) -> Page:
    """Return the ways to begin; `problems` are what has to be mended before, and so is what failed of the `machine`."""
    by_key = {each.key: each for each in page.fields}
    start = by_key.get(START)
    if start is None:
        return Page()
    chosen = chosen_option(start, state)
    body = Page()
    for option in start.options:
        body += _option(option, by_key.get(PILOTS), state, is_chosen=option.value == chosen)
    if chosen != "nobody" and WITHIN in by_key:
        body += text(line()) + _within(by_key[WITHIN], state)
    wrong = [f"{each.trouble.title}: {each.trouble.detail}. {each.remedy}" for each in machine if each.trouble]
    body += text(line(), *_problems(problems, wrong, state.width))
    enter = (Span("Enter", Role.KEY), " start     ", Span("y", Role.KEY), " answers as a file (without secrets)")
    return body + text(line(*enter))


def _option(option: SetupOption, pilots: SetupField | None, state: FormState, *, is_chosen: bool) -> Page:
    key = f"{START}={option.value}"
    parts = [f"  {radio(is_chosen)} ", fitted(option.label, _OPTION)]
    below = text(*(line(Span(cut("        " + each, state.width), Role.MUTED)) for each in option.lines))
    if option.value != "pilots" or pilots is None or not is_chosen:
        return text(line(*parts, Span(f"    {option.remark}", Role.MUTED), key=key)) + below
    around = Role.KEY if pilots.key == state.cursor else Role.MUTED
    entered = state.text(pilots)
    shown = Span(fitted(entered or "anna.mueller, j*", _NAMES), Role.FIELD if entered else Role.HINT)
    row = line(*parts, Span("[", around), shown, Span("]", around), key=key)
    return Page((row,), (InputPlace(pilots.key, 0, 6 + _OPTION + 1, _NAMES),)) + below


def _within(each: SetupField, state: FormState) -> Page:
    around = Role.KEY if each.key == state.cursor else Role.MUTED
    entered = state.text(each)
    label = f"{each.label} "
    shown = Span(fitted(entered or "(never)", _SECONDS), Role.FIELD if entered else Role.HINT)
    row = line(Span(label, Role.MUTED), Span("[", around), shown, Span("]", around), Span(" seconds", Role.MUTED))
    return Page((row,), (InputPlace(each.key, 0, len(label) + 1, _SECONDS),))


def _problems(problems: Sequence[SettingProblem], wrong: Sequence[str], width: int) -> Iterator[Line]:
    """Yield what has to be mended before it can begin: in the answers, and what is wrong with the machine."""
    for said in wrong:
        yield from marked("✗", said, width)
    for each in problems[:MOST_PROBLEMS]:
        yield from marked("✗", f"{each.key} {each.reason}.", width, most=2)
    if len(problems) > MOST_PROBLEMS:
        yield line(Span(f"  … {len(problems) - MOST_PROBLEMS} more", Role.MUTED))
    if problems:
        yield line(Span("^G", Role.KEY), " leads to the steps marked ✗ or without ✓.")
        yield line()


def finished(applied: SetupApplied, at: datetime, first: datetime | None, zone: tzinfo, width: int) -> Document:
    """Return what is on after the set-up, applied `at`, where to look, how to back up and to remove; `first` is when
    the first presence was shown."""
    dry = applied.written == "nobody"
    rows = [
        ("Look", "1 Overview · 5 Day"),
        *([("Go live", "g, anywhere")] if dry else []),
        *(
            [("Keep", f"K before {applied.confirm_until.astimezone(zone):%H:%M:%S}, or B to go back")]
            if applied.confirm_until is not None
            else []
        ),
        ("Back up", "calendar-engine backup FILE   (all of it)   w answers as a file"),
        ("Change", "4 Settings › Set up again"),
        ("Remove", "calendar-engine remove --clear   (clears the PBX)"),
    ]
    lines = [Line(), *wrapped(_done(applied, at, first, zone), width - 2, " ", Role.GOOD), Line()]
    for label, said in rows:
        first_line, *others = wrapped(said, width - 2, " " * 13)
        lines += [line(Span(f" {label:<12}", Role.MUTED), first_line.text[13:]), *others]
    lines.append(Line())
    lines.append(line("   To the overview", key=OVERVIEW))
    lines.append(line("   Learn how the PBX behaves", key=LEARN))
    if dry:
        lines.append(line("   Go live now", key=LIVE))
    return Document(lines)


def _done(applied: SetupApplied, at: datetime, first: datetime | None, zone: tzinfo) -> str:
    begun = f"{at.astimezone(zone):%H:%M}"
    how = {"nobody": f"Dry run since {begun}", "pilots": f"Pilots are written since {begun}"}
    said = how.get(applied.written, f"Everybody is written since {begun}")
    if first is not None:
        would = "would be " if applied.written == "nobody" else ""
        return f"✓ Set up. {said}; the first presence {would}shown {first.astimezone(zone):%H:%M:%S}."
    changed = counted(len(applied.changes), "setting")
    return f"✓ Set up. {said}; {changed} in force. … reading the first calendars"
