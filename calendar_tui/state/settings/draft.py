"""Changes that somebody thinks about: none of them has an effect before it is applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.api.schema.settings import Setting, Settings, Value


@dataclass(frozen=True, slots=True)
class Draft:
    """New values by key; None takes a key out of the file."""

    changes: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.changes)

    def value(self, setting: Setting) -> Value:
        """Return what a setting would be."""
        return self.changes.get(setting.key, setting.value)

    def with_value(self, setting: Setting, value: Value) -> "Draft":
        """Return the draft with another value of one setting; the one it has is no change."""
        others = {key: each for key, each in self.changes.items() if key != setting.key}
        if value != _in_file(setting) and not (value in (None, ()) and setting.origin != "file"):
            others[setting.key] = None if value == () and setting.default == () else value
        return Draft(MappingProxyType(others))

    def without(self, key: str) -> "Draft":
        """Return the draft without a change."""
        return Draft(MappingProxyType({name: each for name, each in self.changes.items() if name != key}))


def setting_of(settings: Settings, key: str) -> Setting | None:
    """Return the setting of that key."""
    return next((each for each in settings.settings if each.key == key), None)


def _in_file(setting: Setting) -> Value:
    return setting.value if setting.origin == "file" else None
