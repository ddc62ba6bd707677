"""Draft changes of settings, and values as displayed and typed."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.api.schema.settings import Setting, Settings, Value


@dataclass(frozen=True, slots=True)
class Draft:
    """New values by key; None removes a key from the file."""

    changes: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.changes)

    def value(self, setting: Setting) -> Value:
        """Return the value that a setting would have."""
        return self.changes.get(setting.key, setting.value)

    def with_value(self, setting: Setting, value: Value) -> "Draft":
        """Return the draft with another value of one setting; its present value is no change."""
        others = {key: each for key, each in self.changes.items() if key != setting.key}
        if value != _in_file(setting) and not (value in (None, ()) and setting.origin != "file"):
            others[setting.key] = None if value == () and setting.default == () else value
        return Draft(MappingProxyType(others))

    def without(self, key: str) -> "Draft":
        """Return the draft without a change."""
        return Draft(MappingProxyType({name: each for name, each in self.changes.items() if name != key}))


def setting_of(settings: Settings, key: str) -> Setting | None:
    """Return the setting with that key."""
    return next((each for each in settings.settings if each.key == key), None)


def _in_file(setting: Setting) -> Value:
    return setting.value if setting.origin == "file" else None


NUMBERS = ("whole number", "number")
FLAG = "true or false"


def written(value: Value) -> str:
    """Return a value in the form in which it is typed, empty for None."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(f'"{each}"' if "," in each or '"' in each else each for each in value)
        case _:
            return str(value)


def shown(value: Value) -> str:
    """Return a value in the form in which it is displayed."""
    return written(value) or ("none" if value == () else "not set" if value is None else '""')


def typed(text: str, setting: Setting) -> Value:
    """Parse the typed value of a setting; empty input removes the key, so that the default applies.

    Invalid input stays text, which the engine rejects with a reason.
    """
    text = text.strip()
    if not text:
        return () if setting.many else None
    if setting.many:
        return tuple(each.strip() for each in next(csv.reader([text], skipinitialspace=True)) if each.strip())
    if setting.kind == FLAG and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if setting.kind in NUMBERS:
        return _number(text)
    return text


def words_of(setting: Setting) -> tuple[str, ...]:
    """Return the possible values of a setting, empty if they are not a fixed list."""
    return ("true", "false") if setting.kind == FLAG and not setting.many else setting.words


def form(setting: Setting) -> str:
    """Describe the possible values in words."""
    text = ", ".join(setting.words) if setting.words else setting.kind
    if setting.low is not None and setting.high is not None:
        text += f" from {setting.low:g} to {setting.high:g}"
    return f"list of {text}, separated by commas" if setting.many else text


def _number(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
