"""Settings as lines: the list, the review of a draft, the versions and the secrets."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import groupby
from types import MappingProxyType

from engine.api.schema.preview import Preview
from engine.api.schema.secrets import SecretChanged, SecretOrigin, SecretOrigins
from engine.api.schema.settings import (
    Setting,
    SettingChange,
    SettingProblem,
    Settings,
    SettingsChanged,
    SettingsCheck,
    SettingsVersion,
    SettingsVersions,
    Value,
)
from engine.documents.columns import columns
from engine.documents.lines import Document, Line, Role, Span, cut, fitted, labelled, line, wrapped
from engine.documents.preview import preview_lines
from engine.documents.quantities import age
from engine.documents.settings_draft import Draft, form, shown
from engine.documents.vendor import also_called

GROUPS = {
    "pbx": "PBX: which one, how it is reached, which users are synchronised",
    "presence": "Presence: what is shown",
    "exchange": "Exchange: where calendars are, and how they are read",
    "debug_log": "Debug log of requests to Exchange",
    "engine": "Engine: the service itself",
    "cluster": "Cluster: several engines that share the work",
}
NO_DEFAULTS: Mapping[str, Value] = MappingProxyType({})

KEY, VALUE = 36, 26
WIDE = 100


def settings_document(settings: Settings, draft: Draft, words: str, width: int) -> Document:
    """Return the settings with every one of `words` in the key, help or value; the key of a line is that of the
    setting."""
    lines: list[Line] = []
    group = ""
    for setting in settings.settings:
        if not _fits(setting, draft, words.casefold().split()):
            continue
        section = setting.key.partition(".")[0]
        if section != group:
            group = section
            lines += [line(), _group(section)]
        lines.append(_setting(setting, draft, width))
    return Document(lines[1:] or [line(Span(" No setting matches these words.", Role.MUTED))])


def settings_table(settings: Settings) -> Document:
    """Return all settings with full keys, in as many columns as they need."""
    longest = max((columns(each.key) for each in settings.settings), default=0)
    lines: list[Line] = []
    for section, group in groupby(settings.settings, lambda each: each.key.partition(".")[0]):
        lines += [line(), _group(section)]
        for each in group:
            value = fitted(shown(each.value), VALUE, whole=True)
            lines.append(line(f"   {fitted(each.key, longest)}  {value}  ", Span(each.origin, Role.MUTED)))
    return Document(lines[1:])


def schema_document(settings: Settings, width: int) -> Document:
    """Return the purpose, the possible values and the effect of each setting."""
    lines: list[Line] = []
    for setting in settings.settings:
        lines += [
            line(Span(f" {setting.key}", Role.TITLE)),
            *wrapped(setting.help, width - 1, "   "),
            *wrapped(f"{_form(setting)}. When changed, {_effect(setting.effect)}.", width - 1, "   ", Role.MUTED),
        ]
    return Document(lines)


def _group(section: str) -> Line:
    return line(Span(f" {GROUPS.get(section, section)}", Role.TITLE))


def _form(setting: Setting) -> str:
    default = f"default: {shown(setting.default)}" if setting.default is not None else "no default"
    return f"{form(setting)}; {default}"


def _effect(part: str) -> str:
    """Return what a change of settings has the engine do, as a clause."""
    return _EFFECTS.get(part, f"the change affects {part}")


_EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "decisions": "all presences are decided again",
        "writing": "it holds for whatever is written from now on",
        "users": "who takes part is decided again",
        "PBX link": "the PBX is connected to again (about 5 s)",
        "calendars": "all calendars are read again",
        "debug log": "it holds at once",
        "next start": "it holds from the next start of the engine on",
    }
)


def help_document(setting: Setting, draft: Draft, problems: Sequence[SettingProblem], width: int) -> Document:
    """Return the purpose, possible values and effect of a setting, its whole value if the list cuts it, and problems
    with the draft."""
    effect = f"Enter changes it: {_effect(setting.effect)}."
    lines = [
        *labelled(f" {setting.key}  ", _form(setting), width - 1, Role.MUTED, Role.TITLE),
        *_whole_values(setting, draft, width),
        *wrapped(setting.help, width - 1, " "),
        *wrapped(effect, width - 1, " ", Role.MUTED),
    ]
    for problem in problems:
        if problem.key == setting.key or problem.key not in draft.changes:
            name = "" if problem.key == setting.key else f"{problem.key} " if problem.key else "The file: "
            lines += wrapped(f"✗ {name}{problem.reason}. {problem.remedy}", width - 1, " ", Role.PROBLEM)
    return Document(lines)


def _whole_values(setting: Setting, draft: Draft, width: int) -> Iterator[Line]:
    """Yield the value of a setting, and that before a change of the draft, if either is cut in the list."""
    value, last = _value(setting, draft), _last(setting, draft)
    room = _room(width)
    if columns(value) > room or columns(last) > _room_of_last(width):
        yield from labelled("   now  ", value, width - 1)
        if setting.key in draft.changes:
            yield from labelled("   was  ", shown(setting.value), width - 1)


def state_lines(
    settings: Settings, draft: Draft, confirm_until: datetime | None, now: datetime, width: int
) -> Document:
    """Return the notices above the settings: problems of the file, and changes to be confirmed or applied."""
    return Document([*_state(settings, draft, confirm_until, now, width)])


def _state(
    settings: Settings, draft: Draft, confirm_until: datetime | None, now: datetime, width: int
) -> Iterator[Line]:
    if settings.trouble is not None:
        yield from wrapped(f"✗ {settings.trouble.title}: {settings.trouble.detail}", width - 1, " ", Role.PROBLEM)
        yield from wrapped(settings.trouble.remedy, width - 1, "   ")
    if confirm_until is not None:
        seconds = max(0, round((confirm_until - now).total_seconds()))
        said = f"The last change is rolled back in {age(seconds)} unless K keeps it. B rolls back now."
        yield from wrapped(said, width - 1, " ", Role.NOTICE)
    elif settings.offered is not None:
        said = "The last change broke a connection. B rolls it back."
        yield from wrapped(said, width - 1, " ", Role.PROBLEM)
    if draft:
        said = f"{len(draft)} changed, not applied yet: d reviews the changes, u undoes the one under the cursor."
        yield from wrapped(said, width - 1, " ", Role.NOTICE)


def _setting(setting: Setting, draft: Draft, width: int) -> Line:
    changed = setting.key in draft.changes
    name = setting.key.partition(".")[2]
    role = Role.NOTICE if changed else Role.PLAIN
    return line(
        Span(" * " if changed else "   ", Role.NOTICE),
        fitted(name, KEY - 2),
        Span(fitted(_value(setting, draft), _room(width)), role),
        " ",
        Span(fitted(_last(setting, draft), _room_of_last(width)), Role.MUTED),
        key=setting.key,
    )


def _room(width: int) -> int:
    return width - KEY - 4 - (9 if width < WIDE else VALUE)


def _room_of_last(width: int) -> int:
    return width - KEY - _room(width) - 4


def _value(setting: Setting, draft: Draft) -> str:
    """Return the value that a setting would have."""
    if setting.key in draft.changes and draft.changes[setting.key] is None:
        return f"{shown(setting.default)} (default)"
    return shown(draft.value(setting))


def _last(setting: Setting, draft: Draft) -> str:
    """Return where the value is from, or the one before a change of the draft."""
    return f"was {shown(setting.value)}" if setting.key in draft.changes else setting.origin


def _fits(setting: Setting, draft: Draft, words: Sequence[str]) -> bool:
    haystack = f"{setting.key}\n{setting.help}\n{shown(draft.value(setting))}\n{also_called(setting.key)}".casefold()
    return all(word in haystack for word in words)


def review_document(check: SettingsCheck | None, preview: Preview | None, remark: str, width: int) -> Document:
    """Return the review; `remark` replaces a missing preview."""
    if check is None:
        return Document([line(Span(f" {remark or 'Asking the engine ...'}", Role.MUTED))])
    return Document([*_check(check, width), line(), *preview_lines(preview, remark, width)])


def change_outcome(changed: SettingsChanged) -> str:
    """Return the outcome of a change in one line."""
    behind = f" Not yet in force at {', '.join(changed.behind)}." if changed.behind else ""
    if changed.trouble is not None:
        return f"Changed, with a problem: {changed.trouble.title}. {changed.trouble.remedy}{behind}"
    return f"{_effects(changed) or NO_CHANGE}{behind}"


NO_CHANGE = "Nothing changed: these settings are already in force."


def _effects(changed: SettingsChanged) -> str:
    """Return what the engine does about a change, "" if nothing."""
    said = "; ".join((*map(_effect, (*changed.live, *changed.restarted)), *_later(changed.at_next_start)))
    return f"Changed: {said}." if said else ""


def _later(keys: Sequence[str]) -> Iterator[str]:
    """Yield which settings wait for another start, if any do."""
    if keys:
        yield f"from the next start of the engine on: {', '.join(keys)}"


def rollback_outcome(changed: SettingsChanged) -> str:
    """Return the outcome of a rollback in one line."""
    keys = ", ".join(change.key for change in changed.changes)
    return f"Rolled back: {keys}. {change_outcome(changed)}" if keys else change_outcome(changed)


def differences(
    changes: tuple[SettingChange, ...], width: int, defaults: Mapping[str, Value] = NO_DEFAULTS
) -> Iterator[Line]:
    """Yield every change with the old and the new value; the default, if known, for a value that is not set."""
    for change in changes:
        before, after = (_or_default(value, defaults.get(change.key)) for value in (change.before, change.after))
        yield line(Span(cut(f" {change.key}", width), Role.TITLE))
        yield from labelled("   - ", before, width, Role.MUTED)
        yield from labelled("   + ", after, width, Role.NOTICE, Role.NOTICE)


def _or_default(value: Value, default: Value) -> str:
    return f"{shown(default)} (default)" if value is None and default is not None else shown(value)


def problems(found: tuple[SettingProblem, ...], width: int) -> Iterator[Line]:
    """Yield the problems, key by key."""
    for problem in found:
        place = f"line {problem.line}: " if problem.line else ""
        yield from wrapped(f"✗ {place}{problem.key or 'The file'} {problem.reason}", width - 1, " ", Role.PROBLEM)
        yield from wrapped(problem.remedy, width - 1, "   ")


def check_document(check: SettingsCheck, width: int, defaults: Mapping[str, Value] = NO_DEFAULTS) -> Document:
    """Return the effect of changes, or why they cannot be applied."""
    return Document([*_check(check, width, defaults)])


def changed_document(changed: SettingsChanged, width: int, defaults: Mapping[str, Value]) -> Document:
    """Return the changes made and their effect."""
    effects = _effects(changed) or ("" if changed.changes else NO_CHANGE)
    return Document([*differences(changed.changes, width, defaults), *wrapped(effects, width - 1, " ")])


def _check(check: SettingsCheck, width: int, defaults: Mapping[str, Value] = NO_DEFAULTS) -> Iterator[Line]:
    if not check.valid:
        yield line(Span(" ✗ These changes cannot be applied.", Role.PROBLEM))
        yield from problems(check.problems, width)
        if check.trouble is not None:
            yield from wrapped(f"✗ {check.trouble.title}: {check.trouble.detail}", width - 1, " ", Role.PROBLEM)
            yield from wrapped(check.trouble.remedy, width - 1, "   ")
        return
    yield from differences(check.changes, width, defaults)
    yield line()
    for clauses, sign, role in (
        (map(_effect, check.live), "✓", Role.GOOD),
        (map(_effect, check.restarted), "!", Role.NOTICE),
        (_later(check.at_next_start), "!", Role.NOTICE),
    ):
        for said in clauses:
            yield from wrapped(f"{sign} {said[0].upper()}{said[1:]}.", width - 1, " ", role)


def versions_document(
    versions: SettingsVersions,
    current: int | None,
    width: int,
    zone: tzinfo,
    defaults: Mapping[str, Value] = NO_DEFAULTS,
) -> Document:
    """Return the versions, the newest first; the key of a line is the id of its version."""
    lines: list[Line] = []
    for version in versions.versions:
        lines.append(_version(version, version.id == current, width, zone))
        lines += [Line((Span("     "), *each.spans)) for each in differences(version.changes, width - 5, defaults)]
    return Document(lines or [line(Span(" Nothing was changed yet.", Role.MUTED))])


def _version(version: SettingsVersion, is_current: bool, width: int, zone: tzinfo) -> Line:
    actor = version.actor
    who = "by hand or by the engine" if actor is None else f"by {actor.user or f'uid {actor.uid}'}"
    who += f" at {version.node}" if version.node else ""
    state = Span("✓ in force  ", Role.GOOD) if is_current else Span("            ")
    when = f"{version.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    what = f"version {version.id}  {when}  {version.action} "
    return line(" ", state, what, Span(cut(who, width - len(what) - 14), Role.MUTED), key=str(version.id))


NAME = 28


def secrets_document(secrets: SecretOrigins) -> Document:
    """Return the secrets, and how to change one; the key of a line is the name."""
    hint = line(Span("   Enter stores a new value; what is typed is not shown.", Role.MUTED))
    return Document([*secrets_table(secrets), line(), hint])


def secrets_table(secrets: SecretOrigins) -> Document:
    """Return the secrets; the key of a line is the name."""
    heads = line(Span(f"   {'secret':<{NAME}} {'state':<14} from", Role.TITLE))
    return Document([heads, *map(_secret, secrets.secrets)])


def stored(changed: SecretChanged) -> str:
    """Return the outcome of storing a secret in one line."""
    if changed.trouble is not None:
        return f"{changed.name} is stored, with a problem: {changed.trouble.title}. {changed.trouble.remedy}"
    restarts = f"; restarted: {', '.join(changed.restarted)}" if changed.restarted else ""
    return f"{changed.name} is stored{restarts}."


def _secret(secret: SecretOrigin) -> Line:
    if secret.origin is not None:
        state = Span(f"{'✓ set':<14} ", Role.GOOD)
    elif secret.needed:
        state = Span(f"{'✗ missing':<14} ", Role.PROBLEM)
    else:
        state = Span(f"{'– not needed':<14} ", Role.MUTED)
    since = f", stored {age(secret.age)} ago" if secret.age is not None else ""
    return line("   ", fitted(secret.name, NAME), " ", state, f"{secret.origin or ''}{since}", key=secret.name)
