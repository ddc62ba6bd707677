"""The command `config`: shows, checks and changes settings and their versions."""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from engine.api.resources import SettingsRequests
from engine.api.schema import Status
from engine.api.schema.settings import (
    Setting,
    SettingChange,
    Settings,
    SettingsChanged,
    SettingsCheck,
    SettingsVersion,
    Value,
)
from engine.cli.client import CommandClient
from engine.cli.errors import ChangeNotUnderstood, SettingUnknown
from engine.cli.exit_codes import UNUSABLE, WELL
from engine.cli.offline import run_beside
from engine.cli.output import remark, show
from engine.core import bounded
from engine.settings.parsers import nearest

S = TypeVar("S", bound=msgspec.Struct)

CHANGING = ("set", "rollback", "confirm")
WITH_STATE = (*CHANGING, "history")
"""Those that need the state directory, where the versions are."""

NO_CHANGE = "Nothing changed: these settings are already in force."


def run_config(options: argparse.Namespace) -> int:
    """Run one of these commands and return its exit status. Raises a `Failure`."""
    return run_beside(
        options,
        lambda client: ConfigCommands(client, options).run(options.action),
        changes=options.action in CHANGING,
        with_state=options.action in WITH_STATE,
    )


class ConfigCommands:
    """Runs the actions; data goes to standard output, as lines or as JSON, problems to standard error."""

    def __init__(self, client: CommandClient, options: argparse.Namespace) -> None:
        self._client = client
        self._requests = SettingsRequests(client)
        self._options = options

    async def run(self, action: str) -> int:
        """Run the chosen action."""
        actions = {
            "show": self._all,
            "get": self._get,
            "set": self._set,
            "check": self._check,
            "history": self._history,
            "rollback": self._roll_back,
            "confirm": self._confirm,
            "schema": self._schema,
        }
        return await actions[action]()

    async def _all(self) -> int:
        settings = await self._settings()
        width = max(len(each.key) for each in settings.settings)

        def lines(these: Settings) -> Iterator[str]:
            for each in these.settings:
                if each.available:
                    yield f"{each.key:<{width}}  {_written(each.value)}{_origin(each)}"

        self._show(settings, lines)
        return self._told(settings)

    async def _get(self) -> int:
        setting = self._found((await self._settings()).settings, self._options.key)
        self._show(setting, lambda this: [_written(this.value)])
        return WELL

    async def _schema(self) -> int:
        settings = await self._settings()
        self._show(settings, lambda these: (line for each in these.settings for line in _described(each)))
        return WELL

    async def _check(self) -> int:
        settings = await self._settings()
        if not self._options.changes:
            self._show(settings, lambda these: [] if these.trouble else ["The settings are valid."])
            return self._told(settings)
        check = await self._requests.check(self._changes(settings))
        defaults = _defaults(settings)
        self._show(check, lambda this: self._effects_of(this, defaults))
        for problem in check.problems:
            remark(f"{problem.key} {problem.reason}. {problem.remedy}")
        return WELL if check.valid else UNUSABLE

    async def _set(self) -> int:
        settings = await self._settings()
        changes = self._changes(settings)
        changed = await self._requests.change(changes, settings.etag, self._options.confirm_within)
        return await self._changed(changed, _defaults(settings))

    async def _roll_back(self) -> int:
        defaults = _defaults(await self._settings())
        changed = await self._requests.roll_back(self._options.version)
        return await self._changed(changed, defaults)

    async def _confirm(self) -> int:
        version = await self._requests.keep()
        self._show(version, lambda this: [f"Version {this.id} is confirmed."])
        return WELL

    async def _history(self) -> int:
        history = await self._requests.versions()
        zone, defaults = await self._zone(), _defaults(await self._settings())
        self._show(history, lambda these: (line for each in these.versions for line in _version(each, zone, defaults)))
        return WELL

    async def _settings(self) -> Settings:
        return await self._requests.all()

    async def _zone(self) -> ZoneInfo:
        """Return the time zone of all times for people."""
        return ZoneInfo((await self._client.get("/v1/status", Status)).timezone)

    async def _changed(self, changed: SettingsChanged, defaults: Mapping[str, Value]) -> int:
        until = changed.version.confirm_until if changed.version else None
        confirm = []
        if until is not None:
            confirm = [f"Rolled back at {until.astimezone(await self._zone()):%H:%M:%S} unless it is confirmed."]
            if self._client.is_alone:
                confirm.append("No engine is running: the change is rolled back when one starts after that time.")
        self._show(changed, lambda this: [*(self._effects_of(this, defaults) or [NO_CHANGE]), *confirm])
        if changed.trouble is not None:
            remark(f"{changed.trouble.title}: {changed.trouble.detail}. {changed.trouble.remedy}")
        return WELL

    def _told(self, settings: Settings) -> int:
        """Print the problems of the file; the exit status is that of a failure if there are any."""
        if settings.trouble is None:
            return WELL
        detail = settings.trouble.detail
        remark(f"{settings.trouble.title}: {detail.partition(': ')[0] if settings.problems else detail}")
        for each in settings.problems:
            place = f"line {each.line}: " if each.line else ""
            remark(f"  {place}{f'{each.key} ' if each.key else ''}{each.reason}. {each.remedy}")
        remark(f"  {settings.trouble.remedy}")
        return UNUSABLE

    def _changes(self, settings: Settings) -> dict[str, Value]:
        changes: dict[str, Value] = {}
        for typed in self._options.changes:
            key, equals, text = typed.partition("=")
            if not equals:
                raise ChangeNotUnderstood(typed)
            changes[key] = _value(self._found(settings.settings, key), text)
        return changes

    def _found(self, settings: tuple[Setting, ...], key: str) -> Setting:
        for each in settings:
            if each.key == key:
                return each
        meant = nearest(key, [each.key for each in settings])
        raise SettingUnknown(f"{key}; did you mean {meant}?" if meant else key)

    def _effects_of(self, answer: SettingsCheck | SettingsChanged, defaults: Mapping[str, Value]) -> list[str]:
        return [*_diff(answer.changes, defaults), *_effects(answer)]

    def _show(self, data: S, lines: Callable[[S], Iterable[str]]) -> None:
        show(data, lines, as_json=self._options.json)


def _value(setting: Setting, text: str) -> Value:
    """Read what was typed: nothing is the default; numbers, true, false and lists with brackets are as in TOML."""
    if not text:
        return None
    if setting.many and not text.startswith("["):
        return tuple(word.strip() for word in text.split(","))
    if not setting.many and setting.kind not in ("whole number", "number", "true or false"):
        return text
    try:
        return msgspec.convert(bounded.toml(f"value = {text}")["value"], Value)  # type: ignore[no-any-return]
    except (ValueError, msgspec.ValidationError):
        return text


def _written(value: Value) -> str:
    if value is None:
        return "-"
    return json.dumps(value, ensure_ascii=False)


def _origin(setting: Setting) -> str:
    return "  (default)" if setting.origin == "default" else ""


def _described(setting: Setting) -> Iterable[str]:
    """Yield what a setting is for and what it may be."""
    form = f"list of {setting.kind}" if setting.many else setting.kind
    if setting.words:
        form = " | ".join(setting.words)
    if setting.low is not None and setting.high is not None:
        form += f", {setting.low:g} to {setting.high:g}"
    restarts = ", restarts it" if setting.restarts else ""
    yield setting.key
    yield f"    {setting.help}."
    yield f"    {form}; default: {_written(setting.default)}; affects: {setting.effect}{restarts}"
    if not setting.available:
        yield "    Not available in this version."


def _defaults(settings: Settings) -> dict[str, Value]:
    return {each.key: each.default for each in settings.settings}


def _diff(changes: Iterable[SettingChange], defaults: Mapping[str, Value]) -> list[str]:
    return [
        f"{each.key}: {_or_default(each, each.before, defaults)} -> {_or_default(each, each.after, defaults)}"
        for each in changes
    ]


def _or_default(change: SettingChange, value: Value, defaults: Mapping[str, Value]) -> str:
    """Return the value, or the default where nothing is set."""
    if value is not None:
        return _written(value)
    default = defaults.get(change.key)
    return "not set" if default is None else f"{_written(default)} (the default)"


def _effects(answer: SettingsCheck | SettingsChanged) -> list[str]:
    told = (("Live", answer.live), ("Restarted", answer.restarted), ("At the next start", answer.at_next_start))
    return [f"{name}: {', '.join(what)}" for name, what in told if what]


def _version(version: SettingsVersion, zone: ZoneInfo, defaults: Mapping[str, Value]) -> Iterable[str]:
    actor = version.actor
    who = (actor.user or f"uid {actor.uid}") if actor else "-"
    yield f"{version.id:>4}  {version.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {who:<12}  {version.action}"
    for line in _diff(version.changes, defaults):
        yield f"      {line}"
