"""Every setting as lines: by group, with its value, where that is from, and what would be changed."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from calendar_tui.state.frame import age
from calendar_tui.state.lines import Document, Line, Role, Span, cut, fitted, line, wrapped
from calendar_tui.state.settings.draft import Draft
from calendar_tui.state.settings.values import form, shown
from engine.api.schema.settings import Setting, SettingProblem, Settings

GROUPS = {
    "pbx": "PBX: which one, how it is reached, who takes part",
    "presence": "Presence: what is shown",
    "exchange": "Exchange: where calendars are, and how they are read",
    "debug_log": "Debug log of exchanges with Exchange",
    "engine": "Engine: the service itself",
}
KEY, VALUE = 36, 26
WIDE = 100


def settings_document(settings: Settings, draft: Draft, words: str, width: int) -> Document:
    """Return the settings that have every one of `words` in their key, help or value; the key of a line is its key."""
    lines: list[Line] = []
    group = ""
    for setting in settings.settings:
        if not _fits(setting, draft, words.casefold().split()):
            continue
        section = setting.key.partition(".")[0]
        if section != group:
            group = section
            lines += [line(), line(Span(f" {GROUPS.get(section, section)}", Role.TITLE))]
        lines.append(_setting(setting, draft, width))
    return Document(lines[1:] or [line(Span(" No setting has these words.", Role.MUTED))])


def help_document(setting: Setting, draft: Draft, problems: Sequence[SettingProblem], width: int) -> Document:
    """Return what a setting is for, what it may be, what a change of it does, and what is wrong with the draft."""
    default = f"default: {shown(setting.default)}" if setting.default is not None else "no default"
    anew = ", which begins anew for it" if setting.restarts else ""
    effect = f"Enter changes it. That has an effect on {setting.effect}{anew}."
    if not setting.available:
        effect = "This version cannot do it yet."
    lines = [
        line(
            Span(f" {setting.key}", Role.TITLE),
            Span(cut(f"  {form(setting)}; {default}", width - len(setting.key) - 1), Role.MUTED),
        ),
        *wrapped(setting.help, width - 1, " "),
        *wrapped(effect, width - 1, " ", Role.MUTED),
    ]
    for problem in problems:
        if problem.key == setting.key or problem.key not in draft.changes:
            name = "" if problem.key == setting.key else f"{problem.key} " if problem.key else "The file: "
            lines += wrapped(f"✗ {name}{problem.reason}. {problem.remedy}", width - 1, " ", Role.PROBLEM)
    return Document(lines)


def state_lines(
    settings: Settings, draft: Draft, confirm_until: datetime | None, now: datetime, width: int
) -> Document:
    """Return what has to be known above the settings: trouble with the file, what waits to be confirmed or applied."""
    return Document([*_state(settings, draft, confirm_until, now, width)])


def _state(
    settings: Settings, draft: Draft, confirm_until: datetime | None, now: datetime, width: int
) -> Iterator[Line]:
    if settings.trouble is not None:
        yield from wrapped(f"✗ {settings.trouble.title}: {settings.trouble.detail}", width - 1, " ", Role.PROBLEM)
        yield from wrapped(settings.trouble.remedy, width - 1, "   ")
    if confirm_until is not None:
        seconds = max(0, round((confirm_until - now).total_seconds()))
        said = f"The last change is taken back in {age(seconds)} unless K keeps it. B goes back at once."
        yield from wrapped(said, width - 1, " ", Role.NOTICE)
    elif settings.offered is not None:
        said = "The last change broke a connection. B goes back to the version before it."
        yield from wrapped(said, width - 1, " ", Role.PROBLEM)
    if draft:
        said = f"{len(draft)} changed, not applied yet: d shows what that does, u undoes the one under the cursor."
        yield from wrapped(said, width - 1, " ", Role.NOTICE)


def _setting(setting: Setting, draft: Draft, width: int) -> Line:
    changed = setting.key in draft.changes
    name = setting.key.partition(".")[2]
    room = width - KEY - 4 - (9 if width < WIDE else VALUE)
    origin = "file" if setting.origin == "file" else setting.origin
    value = shown(draft.changes[setting.key] if changed else setting.value)
    if changed and draft.changes[setting.key] is None:
        value = f"{shown(setting.default)} (default)"
    role = Role.NOTICE if changed else Role.PLAIN if setting.available else Role.MUTED
    last = f"was {shown(setting.value)}" if changed else origin if setting.available else "unavailable"
    return line(
        Span(" * " if changed else "   ", Role.NOTICE),
        Span(fitted(name, KEY - 2), Role.PLAIN if setting.available else Role.MUTED),
        Span(fitted(value, room), role),
        " ",
        Span(fitted(last, width - KEY - room - 4), Role.MUTED),
        key=setting.key,
    )


def _fits(setting: Setting, draft: Draft, words: Sequence[str]) -> bool:
    haystack = f"{setting.key}\n{setting.help}\n{shown(draft.value(setting))}".casefold()
    return all(word in haystack for word in words)
