"""Settings and secrets that are to be tried, made from those in force and what a request says otherwise."""

import asyncio
from collections.abc import Mapping

from engine.core.secret import Secret
from engine.settings.editor import Value, edited
from engine.settings.model import Settings
from engine.store.secret_sources import SecretSources
from engine.store.secrets import Secrets, chosen_secrets
from engine.supervisor.supervisor import Service


class Candidates:
    """Where probes, previews and the set-up get from what they try."""

    def __init__(self, service: Service, sources: SecretSources) -> None:
        self._service = service
        self._sources = sources

    async def settings(self, changes: Mapping[str, Value | None]) -> Settings:
        """Return the settings of the file with other values. Raises `SettingsInvalid` or `SettingsNotEditable`."""
        text = self._service.text
        return await asyncio.to_thread(lambda: self._service.file.settings(edited(text, changes)))

    async def secrets(self, given: Mapping[str, str], settings: Settings) -> Secrets:
        """Return the secrets that `settings` need, those `given` first. Raises `SecretsMissing` and the like."""
        known = {**await self._sources.known(), **{name: Secret(value) for name, value in given.items()}}
        return chosen_secrets(known, settings.exchange)
