"""Requests about settings, secrets and paused log-ins."""

import asyncio
from collections.abc import Mapping

from engine.api.client import ApiClient, quoted_segment
from engine.api.resources import VERSION_1
from engine.api.resources.checks import CheckRequests
from engine.api.schema.logins import LogInStates
from engine.api.schema.preview import Preview, PreviewQuestion
from engine.api.schema.secrets import SecretChanged, SecretOrigins, SecretQuestion
from engine.api.schema.settings import (
    ChangeQuestion,
    RollbackQuestion,
    Settings,
    SettingsChanged,
    SettingsCheck,
    SettingsQuestion,
    SettingsVersion,
    SettingsVersions,
    Value,
)

PATH, SECRETS = f"{VERSION_1}/settings", f"{VERSION_1}/secrets"
LOOK = 0.2
"""Seconds between two requests for a preview in progress."""


class SettingsRequests:
    """Requests about settings and secrets. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def all(self) -> Settings:
        """Return every setting."""
        return await self._api.get(PATH, Settings)

    async def check(self, changes: Mapping[str, Value]) -> SettingsCheck:
        """Return whether changes are valid, and their effect."""
        return await self._api.post(f"{PATH}/check", SettingsCheck, SettingsQuestion(changes=dict(changes)))

    async def change(self, changes: Mapping[str, Value], etag: str, confirm_within: float | None) -> SettingsChanged:
        """Apply changes if the settings are still those of `etag`."""
        question = ChangeQuestion(changes=dict(changes), confirm_within=confirm_within)
        return await self._api.patch(PATH, SettingsChanged, question, etag)

    async def keep(self) -> SettingsVersion:
        """Confirm the last change."""
        return await self._api.post(f"{PATH}/confirm", SettingsVersion)

    async def roll_back(self, version: int | None) -> SettingsChanged:
        """Roll back to a version, by default to the previous one."""
        return await self._api.post(f"{PATH}/rollback", SettingsChanged, RollbackQuestion(version=version))

    async def versions(self) -> SettingsVersions:
        """Return the latest versions."""
        return await self._api.get(f"{PATH}/history", SettingsVersions)

    async def secrets(self) -> SecretOrigins:
        """Return the names and origins of all secrets."""
        return await self._api.get(SECRETS, SecretOrigins)

    async def put_secret(self, name: str, value: str) -> SecretChanged:
        """Store a secret."""
        return await self._api.put(f"{SECRETS}/{quoted_segment(name)}", SecretChanged, SecretQuestion(value=value))

    async def drop_secret(self, name: str) -> SecretChanged:
        """Remove a stored secret."""
        return await self._api.delete(f"{SECRETS}/{quoted_segment(name)}", SecretChanged)

    async def rotate_key(self) -> SecretOrigins:
        """Re-encrypt the stored secrets with another key."""
        return await self._api.post(f"{SECRETS}/rotate-key", SecretOrigins)

    async def preview(self, changes: Mapping[str, Value]) -> Preview:
        """Return the users whose presence would change with these presence settings, once computed."""
        checks = CheckRequests(self._api)
        operation = await checks.begin_preview(PreviewQuestion(settings=dict(changes)))
        while True:
            preview = await checks.preview(operation.id)
            if preview.operation.state != "running":
                return preview
            await asyncio.sleep(LOOK)


LOG_INS = f"{VERSION_1}/log-ins"


class LogInRequests:
    """Requests about paused log-ins. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def states(self) -> LogInStates:
        """Return the state of the log-ins."""
        return await self._api.get(LOG_INS, LogInStates)

    async def retry(self) -> LogInStates:
        """Allow another attempt at once."""
        return await self._api.post(f"{LOG_INS}/retry", LogInStates)
