"""Requests about settings and secrets."""

import asyncio
from collections.abc import Mapping

from engine.api.client.client import ApiClient, segment
from engine.api.schema.operations import Operation
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

PATH, SECRETS = "/v1/settings", "/v1/secrets"
LOOK = 0.2
"""Seconds between two looks at a preview that is being made."""


class SettingsRequests:
    """Asks about settings and changes them. Every method raises a `ClientFailure`."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def all(self) -> Settings:
        """Return every setting."""
        return await self._api.get(PATH, Settings)

    async def check(self, changes: Mapping[str, Value]) -> SettingsCheck:
        """Return whether changes could be made, and what they would do."""
        return await self._api.post(f"{PATH}/check", SettingsCheck, SettingsQuestion(changes=dict(changes)))

    async def change(self, changes: Mapping[str, Value], etag: str, confirm_within: float | None) -> SettingsChanged:
        """Put changes into force if the settings are still those of `etag`."""
        question = ChangeQuestion(changes=dict(changes), confirm_within=confirm_within)
        return await self._api.patch(PATH, SettingsChanged, question, etag)

    async def keep(self) -> SettingsVersion:
        """Let the last change stand."""
        return await self._api.post(f"{PATH}/confirm", SettingsVersion)

    async def roll_back(self, version: int | None) -> SettingsChanged:
        """Go back to a version, the one before if none is given."""
        return await self._api.post(f"{PATH}/rollback", SettingsChanged, RollbackQuestion(version=version))

    async def versions(self) -> SettingsVersions:
        """Return the versions there were."""
        return await self._api.get(f"{PATH}/history", SettingsVersions)

    async def secrets(self) -> SecretOrigins:
        """Return which secrets there are."""
        return await self._api.get(SECRETS, SecretOrigins)

    async def put_secret(self, name: str, value: str) -> SecretChanged:
        """Store a secret."""
        return await self._api.put(f"{SECRETS}/{segment(name)}", SecretChanged, SecretQuestion(value=value))

    async def drop_secret(self, name: str) -> SecretChanged:
        """Remove a stored secret."""
        return await self._api.delete(f"{SECRETS}/{segment(name)}", SecretChanged)

    async def rotate_key(self) -> SecretOrigins:
        """Encrypt the stored secrets with another key."""
        return await self._api.post(f"{SECRETS}/rotate-key", SecretOrigins)

    async def preview(self, changes: Mapping[str, Value]) -> Preview:
        """Return whose presence would be another one with these presence settings, once that is known."""
        operation = await self._api.post("/v1/preview", Operation, PreviewQuestion(settings=dict(changes)))
        while True:
            preview = await self._api.get(f"/v1/preview/{segment(operation.id)}", Preview)
            if preview.operation.state != "running":
                return preview
            await asyncio.sleep(LOOK)
