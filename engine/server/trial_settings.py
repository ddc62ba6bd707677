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

    async def secrets(self, given: Mapping[str, str], settings: SiteSettings) -> Secrets:
        """Return the secrets that `settings` need; `given` ones override stored ones. Raises `SecretsMissing`."""
        known = {**await self._sources.known(), **{name: Secret(value) for name, value in given.items()}}
        return chosen_secrets(known, settings.exchange)
