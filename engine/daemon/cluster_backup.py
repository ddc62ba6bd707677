"""What an engine that works alone needs to go on instead of a cluster: in a backup, and when the last one leaves."""

import asyncio
from dataclasses import replace

from engine.daemon.stores import SETUP
from engine.server.handlers.backup import OwnBackup
from engine.settings.local_keys import whole_text
from engine.store.moving import StoredState, database_of
from engine.store.postgres.database import SharedDatabase
from engine.store.postgres.moving import read_setup, read_stored
from engine.supervisor.settings_file import SettingsFile
from engine.supervisor.shared_settings import SharedSettings


def for_one_engine(stored: StoredState, local: str) -> StoredState:
    """Return what engines share as one that works alone has it, on a machine whose settings file is `local`."""
    versions = tuple(replace(each, text=whole_text(local, each.text)) for each in stored.versions)
    return replace(stored, versions=versions)


class ClusterBackup:
    """Implements `BackupSource` for a node: what is in the shared database, with the keys and files of this machine."""

    def __init__(self, database: SharedDatabase, file: SettingsFile, shared: SharedSettings, own: OwnBackup) -> None:
        self._database = database
        self._file = file
        self._shared = shared
        self._own = own

    async def settings(self) -> str | None:
        """Return this machine's settings together with the shared ones, None if there are none."""
        if not self._shared.kept:
            return None
        return whole_text(await asyncio.to_thread(self._file.read), self._shared.kept)

    async def store(self) -> bytes:
        """Return what engines share as the database of one that works alone. Raises a `SharedDatabaseFailure`."""
        stored = await self._database.run(read_stored, long_running=True)
        local = await asyncio.to_thread(self._file.read)
        return await asyncio.to_thread(lambda: database_of(for_one_engine(stored, local)))

    async def files(self) -> dict[str, bytes]:
        """Return the files of this machine, and the set-up under way. Raises a `SharedDatabaseFailure`."""
        setup = await self._database.run(read_setup)
        return {**await self._own.files(), **({SETUP: setup.encode()} if setup else {})}
