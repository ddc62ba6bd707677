"""`calendar-engine config`: what is set, what could be, what was, and changing it."""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from engine.api.schema import Status
from engine.api.schema.settings import (
    ChangeQuestion,
    RollbackQuestion,
    Setting,
    SettingChange,
    Settings,
    SettingsChanged,
    SettingsCheck,
    SettingsQuestion,
    SettingsVersion,
    SettingsVersions,
    Value,
)
from engine.cli.beside import run_beside
from engine.cli.client import ApiClient
from engine.cli.failures import ChangeNotUnderstood, SettingUnknown
from engine.cli.statuses import UNUSABLE, WELL
from engine.core.settings.values import nearest

CHANGING = ("set", "rollback", "confirm")
WITH_STATE = (*CHANGING, "history")
"""Those that need the state directory, where the versions are."""

PATH = "/v1/settings"


def run_config(options: argparse.Namespace) -> int:
    """Carry out one of these commands and return its exit status. Raises a `Failure`."""
    return run_beside(
        options,
        lambda client: Config(client, options).run(options.action),
        changes=options.action in CHANGING,
        with_state=options.action in WITH_STATE,
    )


class Config:
    """Data goes to standard output, as lines or as JSON; what is wrong goes to standard error."""

    def __init__(self, client: ApiClient, options: argparse.Namespace) -> None:
        self._client = client
        self._options = options

    async def run(self, action: str) -> int:
        """Do what the action says."""
        actions = {
            "show": self._show,
            "get": self._get,
            "set": self._set,
            "check": self._check,
            "history": self._history,
            "rollback": self._roll_back,
            "confirm": self._confirm,
            "schema": self._schema,
        }
        return await actions[action]()

    async def _show(self) -> int:
        settings = await self._settings()
        width = max(len(each.key) for each in settings.settings)
        lines = (f"{each.key:<{width}}  {_written(each.value)}{_origin(each)}" for each in settings.settings)
        self._print(settings, (line for line, each in zip(lines, settings.settings, strict=True) if each.available))
        return self._told(settings)

    async def _get(self) -> int:
        setting = self._found((await self._settings()).settings, self._options.key)
        self._print(setting, [_written(setting.value)])
        return WELL

    async def _schema(self) -> int:
        settings = await self._settings()
        self._print(settings, (line for each in settings.settings for line in _described(each)))
        return WELL

    async def _check(self) -> int:
        settings = await self._settings()
        if not self._options.changes:
            self._print(settings, ["" if settings.trouble else "The settings are valid."])
            return self._told(settings)
        question = SettingsQuestion(changes=self._changes(settings))
        check = await self._client.send("POST", f"{PATH}/check", SettingsCheck, question)
        self._print(check, [*_diff(check.changes), *_effects(check)])
        for problem in check.problems:
            print(f"{problem.key} {problem.reason}. {problem.remedy}", file=sys.stderr)
        return WELL if check.valid else UNUSABLE

    async def _set(self) -> int:
        settings = await self._settings()
        question = ChangeQuestion(changes=self._changes(settings), confirm_within=self._options.confirm_within)
        changed = await self._client.send("PATCH", PATH, SettingsChanged, question, If_Match=settings.etag)
        return await self._changed(changed)

    async def _roll_back(self) -> int:
        question = RollbackQuestion(version=self._options.version)
        return await self._changed(await self._client.send("POST", f"{PATH}/rollback", SettingsChanged, question))

    async def _confirm(self) -> int:
        version = await self._client.send("POST", f"{PATH}/confirm", SettingsVersion)
        self._print(version, [f"Version {version.id} stands."])
        return WELL

    async def _history(self) -> int:
        history = await self._client.get(f"{PATH}/history", SettingsVersions)
        zone = await self._zone()
        self._print(history, (line for each in history.versions for line in _version(each, zone)))
        return WELL

    async def _settings(self) -> Settings:
        return await self._client.get(PATH, Settings)

    async def _zone(self) -> ZoneInfo:
        """Return the time zone of all times for people."""
        return ZoneInfo((await self._client.get("/v1/status", Status)).timezone)

    async def _changed(self, changed: SettingsChanged) -> int:
        until = changed.version.confirm_until if changed.version else None
        confirm = []
        if until is not None:
            confirm = [f"Rolled back at {until.astimezone(await self._zone()):%H:%M:%S} unless it is confirmed."]
            if self._client.is_alone:
                confirm.append("No engine runs: it is rolled back when one starts after that.")
        done = [*_diff(changed.changes), *_effects(changed)] or ["Nothing was changed: that is in force already."]
        self._print(changed, [*done, *confirm])
        if changed.trouble is not None:
            print(f"{changed.trouble.title}: {changed.trouble.detail}. {changed.trouble.remedy}", file=sys.stderr)
        return WELL

    def _told(self, settings: Settings) -> int:
        """Say what is wrong with the file; the exit status says whether something is."""
        if settings.trouble is None:
            return WELL
        print(f"{settings.trouble.title}: {settings.trouble.detail}", file=sys.stderr)
        print(f"  {settings.trouble.remedy}", file=sys.stderr)
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

    def _print(self, data: msgspec.Struct, lines: Iterable[str]) -> None:
        if self._options.json:
            print(msgspec.json.encode(data).decode())
            return
        for line in lines:
            if line:
                print(line)


def _value(setting: Setting, text: str) -> Value:
    """Read what was typed: nothing is the default; numbers, true, false and lists with brackets are as in TOML."""
    if not text:
        return None
    if setting.many and not text.startswith("["):
        return tuple(word.strip() for word in text.split(","))
    if not setting.many and setting.kind not in ("whole number", "number", "true or false"):
        return text
    try:
        return msgspec.convert(tomllib.loads(f"value = {text}")["value"], Value)  # type: ignore[no-any-return]
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
    yield f"    {form}; default: {_written(setting.default)}; concerns: {setting.effect}{restarts}"
    if not setting.available:
        yield "    Not available in this version."


def _diff(changes: Iterable[SettingChange]) -> list[str]:
    return [f"{each.key}: {_written(each.before)} -> {_written(each.after)}" for each in changes]


def _effects(answer: SettingsCheck | SettingsChanged) -> list[str]:
    told = (("Live", answer.live), ("Restarted", answer.restarted), ("At the next start", answer.at_next_start))
    return [f"{name}: {', '.join(what)}" for name, what in told if what]


def _version(version: SettingsVersion, zone: ZoneInfo) -> Iterable[str]:
    actor = version.actor
    who = (actor.user or f"uid {actor.uid}") if actor else "-"
    yield f"{version.id:>4}  {version.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {who:<12}  {version.action}"
    for line in _diff(version.changes):
        yield f"      {line}"
