"""Settings and secrets that are to be tried, made from those in force and what a request says otherwise."""

from collections.abc import Awaitable, Callable, Mapping

from engine.core.secret import Secret
from engine.core.settings.edit import Value, edited
from engine.core.settings.model import ExchangeSettings, Settings
from engine.service.service import Service
from engine.store.secrets import Secrets

KnownSecrets = Callable[[ExchangeSettings, Mapping[str, Secret]], Awaitable[Secrets]]
"""Returns the secrets that these settings need, those given by name first. Raises `SecretsMissing` and the like."""


class Candidates:
    """Where probes, previews and the set-up get from what they try."""

    def __init__(self, service: Service, known_secrets: KnownSecrets) -> None:
        self._service = service
        self._known_secrets = known_secrets

    def settings(self, changes: Mapping[str, Value | None]) -> Settings:
        """Return the settings of the file with other values. Raises `SettingsInvalid` or `SettingsNotEditable`."""
        return self._service.file.settings(edited(self._service.text, changes))

    async def secrets(self, given: Mapping[str, str], settings: Settings) -> Secrets:
        """Return the secrets that `settings` need, those `given` first. Raises `SecretsMissing` and the like."""
        return await self._known_secrets(settings.exchange, {name: Secret(value) for name, value in given.items()})
