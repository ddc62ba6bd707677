"""Settings and secrets to try: those in force with the changes of a request."""

import asyncio
from collections.abc import Mapping

from engine.core.secret import Secret
from engine.settings.editor import SettingValue, edited
from engine.settings.model import SiteSettings
from engine.store.secret_sources import SecretSources
from engine.store.secrets import Secrets, chosen_secrets
from engine.supervisor.supervisor import Supervisor


class TrialSettings:
    """Source of the settings and secrets for checks, previews and the set-up."""

    def __init__(self, service: Supervisor, sources: SecretSources) -> None:
        self._service = service
        self._sources = sources

    async def settings(self, changes: Mapping[str, SettingValue | None]) -> SiteSettings:
        """Return the settings of the file with changes. Raises `SettingsInvalid` or `SettingsNotEditable`."""
        text = self._service.text
        return await asyncio.to_thread(lambda: self._service.file.settings(edited(text, changes)))

    async def as_far_as_valid(self, changes: Mapping[str, SettingValue | None]) -> SiteSettings:
        """Return the settings of the file with changes as far as they are valid, with defaults for everything else.

        Raises `SettingsNotEditable`.
        """
        text = self._service.text
        return await asyncio.to_thread(lambda: self._service.file.settings_as_far_as_valid(edited(text, changes)))

    @property
    def in_force(self) -> SiteSettings | None:
        """The settings of the running engine, None while there is none."""
        return self._service.settings

    async def secrets(self, given: Mapping[str, str], settings: SiteSettings) -> Secrets:
        """Return the secrets that `settings` need; `given` ones override stored ones. Raises `SecretsMissing`."""
        known = {**await self._sources.known(), **{name: Secret(value) for name, value in given.items()}}
        return chosen_secrets(known, settings.exchange)
