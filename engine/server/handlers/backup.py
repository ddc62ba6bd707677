"""The route that makes a backup."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Protocol

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
from engine.store.secrets import DATABASE_PASSWORD
from engine.supervisor.errors import SettingsMissing
from engine.supervisor.settings_file import SettingsFile

BINARY = "application/octet-stream"


class BackupSource(Protocol):
    """What an engine that works alone would find, but for the secrets. Every method may raise a failure."""

    async def settings(self) -> str | None:
        """Return the text of its settings file, None if there is none."""
        ...

    async def store(self) -> bytes:
        """Return its database."""
        ...

    async def files(self) -> dict[str, bytes]:
        """Return those of `STATE_FILES` that there are."""
        ...


class OwnBackup:
    """The settings `file`, the `database` and the files in `state` of an engine that works alone."""

    def __init__(self, file: SettingsFile, database: Database, state: Path) -> None:
        self._file = file
        self._database = database
        self._state = state

    async def settings(self) -> str | None:
        """Return the text of the file, None if there is none."""
        try:
            return await asyncio.to_thread(self._file.read)
        except SettingsMissing:
            return None

    async def store(self) -> bytes:
        """Return the database."""
        return await self._database.run(sqlite3.Connection.serialize)

    async def files(self) -> dict[str, bytes]:
        """Return those of `STATE_FILES` that there are."""
        return await asyncio.to_thread(self._files)

    def _files(self) -> dict[str, bytes]:
        try:
            return {name: (self._state / name).read_bytes() for name in STATE_FILES if (self._state / name).exists()}
        except OSError as error:
            raise DiskUnusable(f"{error.filename}: {error.strerror}") from error


class BackupRoutes:
    """Makes backups of what `source` has, and of the secrets of all `sources`."""

    capabilities = ("backup",)

    def __init__(self, api_state: ApiState, source: BackupSource, sources: SecretSources) -> None:
        self._api_state = api_state
        self._source = source
        self._sources = sources
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
            settings=await self._source.settings(),
            store=await self._source.store(),
            secrets={
                name: StoredSecret(value, origins.get(name) or now)
                for name, value in known.items()
                if name != DATABASE_PASSWORD  # an engine that works alone has no use for it
            },
            files=await self._source.files(),
        )
