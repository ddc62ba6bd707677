"""The command `config`, which shows, checks and changes settings, and manages their versions."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from engine.api.resources.engine import EngineRequests
from engine.api.resources.settings import SettingsRequests
from engine.api.schema.settings import (
    Setting,
    Settings,
    SettingsChanged,
    Value,
)
from engine.cli.client import CommandClient
from engine.cli.errors import ChangeNotUnderstood, SettingUnknown
from engine.cli.exit_codes import UNUSABLE, WELL
from engine.cli.offline import run_beside
from engine.cli.output import remark, show, show_document
from engine.cli.terminal import palette_of, room
from engine.core import bounded
from engine.documents.lines import Line, line
from engine.documents.settings import (
    changed_document,
    check_document,
    problems,
    schema_document,
    settings_table,
    versions_document,
)
from engine.documents.settings_draft import typed
from engine.documents.vendor import VENDOR_SETTINGS, vendor_document
from engine.settings.parsers import nearest

S = TypeVar("S", bound=msgspec.Struct)

CHANGING = ("set", "rollback", "confirm")
WITH_STATE = (*CHANGING, "history")
"""The actions that need the state directory, which holds the versions."""


def run_config(options: argparse.Namespace) -> int:
    """Run one of the actions and return the exit status. Raises a `Failure`."""
    return run_beside(
        options,
        lambda client: ConfigCommands(client, options).run(options.action),
        changes=options.action in CHANGING,
        with_state=options.action in WITH_STATE,
    )


class ConfigCommands:
    """Runs the actions; data is printed to standard output, as lines or JSON, problems to standard error."""

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
            "vendor": self._vendor,
        }
        return await actions[action]()

    async def _all(self) -> int:
        settings = await self._settings()
        self._show(settings, settings_table)
        return self._told(settings)

    async def _get(self) -> int:
        setting = self._found((await self._settings()).settings, self._options.key)
        show(setting, lambda this: [_written(this.value)], as_json=self._options.json)
        return WELL

    async def _schema(self) -> int:
        settings = await self._settings()
        self._show(settings, lambda these: schema_document(these, room()))
        return WELL

    async def _vendor(self) -> int:
        show_document(VENDOR_SETTINGS, lambda these: vendor_document(these, room()), as_json=self._options.json)
        return WELL

    async def _check(self) -> int:
        settings = await self._settings()
        if not self._options.changes:
            self._show(settings, lambda these: [] if these.trouble else [line("The settings are valid.")])
            return self._told(settings)
        changes = self._changes(settings)
        check = await self._requests.check(changes)
        defaults = _defaults(settings)
        if check.valid:
            self._show(check, lambda this: check_document(this, room(), defaults))
            if any(key.startswith("exchange.") for key in changes):
                options = " ".join(f"--set {shlex.quote(pair)}" for pair in self._options.changes)
                remark(f"Who would show something else: calendar-engine preview {options}")
            return WELL
        self._show(check, lambda _: ())
        _tell(check_document(check, room()))
        return UNUSABLE

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
        self._show(version, lambda this: [line(f"Version {this.id} is confirmed.")])
        return WELL

    async def _history(self) -> int:
        history = await self._requests.versions()
        zone, settings = await self._zone(), await self._settings()
        current = settings.version.id if settings.version else None
        defaults = _defaults(settings)
        self._show(history, lambda these: versions_document(these, current, room(), zone, defaults))
        return WELL

    async def _settings(self) -> Settings:
        return await self._requests.all()

    async def _zone(self) -> ZoneInfo:
        """Return the time zone in which times are printed."""
        return ZoneInfo((await EngineRequests(self._client).status()).timezone)

    async def _changed(self, changed: SettingsChanged, defaults: Mapping[str, Value]) -> int:
        until = changed.version.confirm_until if changed.version else None
        confirm = []
        if until is not None:
            confirm = [f"Rolled back at {until.astimezone(await self._zone()):%H:%M:%S} unless it is confirmed."]
            if self._client.is_alone:
                confirm.append("No engine is running: the change is rolled back when one starts after that time.")
        confirmation = [line(each) for each in confirm]
        self._show(changed, lambda this: [*changed_document(this, room(), defaults), *confirmation])
        if changed.trouble is not None:
            remark(f"{changed.trouble.title}: {changed.trouble.detail}. {changed.trouble.remedy}")
        return WELL

    def _told(self, settings: Settings) -> int:
        """Print the problems of the file; return the exit status, which is that of a failure if there are any."""
        if settings.trouble is None:
            return WELL
        detail = settings.trouble.detail
        remark(f"{settings.trouble.title}: {detail.partition(': ')[0] if settings.problems else detail}")
        _tell(problems(settings.problems, room()))
        remark(f"  {settings.trouble.remedy}")
        return UNUSABLE

    def _changes(self, settings: Settings) -> dict[str, Value]:
        changes: dict[str, Value] = {}
        for pair in self._options.changes:
            key, equals, text = pair.partition("=")
            if not equals:
                raise ChangeNotUnderstood(pair)
            changes[key] = _value(self._found(settings.settings, key), text)
        return changes

    def _found(self, settings: tuple[Setting, ...], key: str) -> Setting:
        for each in settings:
            if each.key == key:
                return each
        meant = nearest(key, [each.key for each in settings])
        raise SettingUnknown(f"{key}; did you mean {meant}?" if meant else key)

    def _show(self, data: S, document: Callable[[S], Iterable[Line]]) -> None:
        show_document(data, document, as_json=self._options.json)


def _tell(document: Iterable[Line]) -> None:
    for text in palette_of(sys.stderr).printed(document):
        remark(text)


def _value(setting: Setting, text: str) -> Value:
    """Parse a value as the terminal program does; empty means the default, and lists in brackets are as in TOML."""
    if not text:
        return None
    if not (setting.many and text.startswith("[")):
        return typed(text, setting)
    try:
        return msgspec.convert(bounded.toml(f"value = {text}")["value"], Value)  # type: ignore[no-any-return]
    except (ValueError, msgspec.ValidationError):
        return text


def _written(value: Value) -> str:
    if value is None:
        return "-"
    return json.dumps(value, ensure_ascii=False)


def _defaults(settings: Settings) -> dict[str, Value]:
    return {each.key: each.default for each in settings.settings}
