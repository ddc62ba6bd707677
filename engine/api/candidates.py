"""Settings and secrets that are to be tried, made from those in force and what a request says otherwise."""

from collections.abc import Mapping
from typing import Protocol

from engine.api.schema.probes import SettingValue
from engine.core.settings.model import Settings
from engine.store.secrets import Secrets


class Candidates(Protocol):
    """Where probes and previews get from what they try."""

    def settings(self, changes: Mapping[str, SettingValue]) -> Settings:
        """Return the settings in force with other values by dotted key. Raises `SettingsInvalid` and the like."""
        ...

    async def secrets(self, given: Mapping[str, str], settings: Settings) -> Secrets:
        """Return the secrets that `settings` need, those `given` first. Raises `SecretsMissing` and the like."""
        ...
