"""A change of the settings that mends what a check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.settings.editor import SettingValue


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of `settings` by dotted key, None for the default, that mends what a step of a check found.

    `label` says what it does, as beside a key: use "headquarters". `certificates` are PEM texts by the key of the
    setting that names their file: whoever makes the change saves them first.
    """

    label: str
    settings: Mapping[str, SettingValue | None] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)


def use(key: str, value: SettingValue) -> Fix:
    """Return the fix that uses a value found for a key."""
    return Fix(f'use "{value}"', {key: value})
