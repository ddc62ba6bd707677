"""The route that makes a backup."""

import asyncio
import sqlite3
from pathlib import Path

from aiohttp import web

from engine.api.schema.backup import BackupQuestion
from engine.core.errors import Failure
from engine.core.secret import Secret
from engine.server.acceptor import actor_of
from engine.server.convert import VERSION
from engine.server.http import Route, body_of, problem_from
from engine.server.state import ApiState
from engine.store.backup import STATE_FILES, Backup, sealed
from engine.store.database import Database
from engine.store.errors import DiskUnusable
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import StoredSecret
from engine.supervisor.errors import SettingsMissing
from engine.supervisor.settings_file import SettingsFile

BINARY = "application/octet-stream"


class BackupRoutes:
    """Makes backups of the settings `file`, the `database`, the secrets of all `sources`, and files in `state`."""

    capabilities = ("backup",)

    def __init__(
        self, api_state: ApiState, file: SettingsFile, database: Database, sources: SecretSources, state: Path
    ) -> None:
        self._api_state = api_state
        self._file = file
        self._database = database
        self._sources = sources
        self._state = state
        self._alone = asyncio.Lock()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this group."""
        return (
            Route(
                "POST",
                "/v1/backup",
                "backup",
                "A backup, encrypted under a passphrase",
                self._backup,
                media_type=BINARY,
                body=BackupQuestion,
                changes=True,  # it changes nothing, but contains the secrets
            ),
        )

    async def _backup(self, request: web.Request) -> web.Response:
        question = await body_of(request, BackupQuestion)
        await self._api_state.audit_change(await actor_of(request), "backup", "settings, secrets and state")
        try:
            backup = await self._contents()
        except Failure as failure:
            raise problem_from(failure) from failure
        async with self._alone:  # each takes the memory of a guess at the passphrase
            content = await asyncio.to_thread(sealed, backup, Secret(question.passphrase))
        return web.Response(body=content, content_type=BINARY, headers={"Cache-Control": "no-store"})

    async def _contents(self) -> Backup:
        now = self._api_state.now()
        origins = {origin.name: origin.stored_since for origin in await self._sources.origins()}
        known = await self._sources.known()
        return Backup(
            made=now,
            version=VERSION,
            settings=await asyncio.to_thread(self._settings),
            store=await self._database.run(sqlite3.Connection.serialize),
            secrets={name: StoredSecret(value, origins.get(name) or now) for name, value in known.items()},
            files=await asyncio.to_thread(self._files),
        )

    def _settings(self) -> str | None:
        try:
            return self._file.read()
        except SettingsMissing:
            return None

    def _files(self) -> dict[str, bytes]:
        try:
            return {name: (self._state / name).read_bytes() for name in STATE_FILES if (self._state / name).exists()}
        except OSError as error:
            raise DiskUnusable(f"{error.filename}: {error.strerror}") from error
