"""An engine that is stopped, while a command takes it into a cluster or out of it: its files, and the database."""

import asyncio
import itertools
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.daemon.build import state_directory
from engine.daemon.cluster_node import node_name
from engine.daemon.restore import STORE, finish_restore
from engine.settings.model import ClusterSettings
from engine.store.database import errors_named, locked, prepare
from engine.store.errors import NoSharedDatabase, StoreUnusable
from engine.store.leftovers import IN_STATE, sweep, temporary_names
from engine.store.moving import StoredState, read_state
from engine.store.postgres.address import DatabaseAddress, database_address
from engine.store.postgres.database import SharedDatabase
from engine.store.replacing import replace_file, sync_directory
from engine.store.secret_sources import SecretSources
from engine.store.secret_store import SecretsKeyUnusable, SecretsKeyWrong, SecretStore, StoredSecret
from engine.supervisor.errors import SettingsUnwritable
from engine.supervisor.settings_file import SettingsFile
from engine.sync.clocks import SystemClock


@dataclass(frozen=True, slots=True)
class StoppedNode:
    """The engine `name`: its settings `file` with its `text`, its `state` directory, which is locked, and its `vault`.

    `database` is the shared one at its `address`, as engines use it.
    """

    file: SettingsFile
    text: str
    cluster: ClusterSettings
    name: str
    state: Path
    vault: SecretStore
    address: DatabaseAddress
    database: SharedDatabase

    def stored(self) -> StoredState:
        """Return what is in its own database, nothing if there is none. The file is not changed."""
        path = self.state / STORE
        with errors_named(str(path)), closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            if path.exists():
                with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                    connection.backup(copy)
            prepare(copy)
            return read_state(copy)

    def secrets(self) -> dict[str, StoredSecret]:
        """Return what is stored encrypted on this machine. Raises failures of the secret store."""
        with _key_asked_for():
            return self.vault.load()

    def keys(self) -> tuple[bytes, ...]:
        """Return the keys of this machine, the one that encrypts first. Raises failures of the secret store."""
        with _key_asked_for():
            return self.vault.keys()

    def keep_text(self, ending: str) -> Path:
        """Keep the text of the settings file beside it, for this account alone, and return where.

        Raises `SettingsUnwritable`.
        """
        path = self.file.path.resolve()
        sweep(path.parent, temporary_names(f"{path.name}{ending}"))
        try:
            return kept_beside(path, ending, self.text.encode())
        except OSError as error:
            raise SettingsUnwritable(f"{path}{ending}: {error.strerror}") from error

    def put_aside(self, name: str, ending: str) -> Path | None:
        """Give a file of the state directory another name, and return that; None if there is no such file."""
        path = self.state / name
        try:
            if not path.exists():
                return None
            if name == STORE:
                with errors_named(str(path)), closing(sqlite3.connect(path, isolation_level=None)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                for suffix in ("-wal", "-shm"):
                    path.with_name(f"{name}{suffix}").unlink(missing_ok=True)
            aside = _free_name(path, ending)
            path.rename(aside)
            sync_directory(self.state)
        except OSError as error:
            raise StoreUnusable(f"{path}: {error.strerror}") from error
        return aside


@asynccontextmanager
async def stopped_node(
    file: SettingsFile, secrets_file: Path | None, environment: Mapping[str, str]
) -> AsyncIterator[StoppedNode]:
    """The engine of a settings file, which is kept from starting during the context.

    Raises `AlreadyRunning`, `NoSharedDatabase`, `DatabaseAddressUnusable`, and failures of its files.
    """
    state = state_directory(file.engine_settings())
    await asyncio.to_thread(finish_restore, state, file)
    text = await asyncio.to_thread(file.read)
    cluster = file.cluster_settings()
    vault = vault_of(state, environment)
    with locked(state):
        sweep(state, IN_STATE)
        file.sweep()
        address = await shared_address(file, state, secrets_file, environment)
        database = SharedDatabase(address)
        try:
            yield StoppedNode(file, text, cluster, node_name(cluster), state, vault, address, database)
        finally:
            await database.close()


async def shared_address(
    file: SettingsFile, state: Path, secrets_file: Path | None, environment: Mapping[str, str]
) -> DatabaseAddress:
    """Return where the shared database of a settings file is, with the password. Raises what `stopped_node` does."""
    cluster = file.cluster_settings()
    if not cluster.database:
        raise NoSharedDatabase(str(file.path))
    vault = vault_of(state, environment)
    sources = SecretSources(environment, secrets_file, vault, SystemClock().now, settings_file=file.path)
    with _key_asked_for():
        password = await sources.database_password()
    return database_address(cluster.database, password, node=node_name(cluster))


@contextmanager
def _key_asked_for() -> Iterator[None]:
    """Context manager that adds to failures of the secret store how a command is given the key that systemd keeps."""
    try:
        yield
    except (SecretsKeyUnusable, SecretsKeyWrong) as failure:
        failure.in_words(
            failure.meaning,
            "If systemd keeps the key, name the directory with the decrypted calendar-engine.key in the variable "
            "CREDENTIALS_DIRECTORY; docs/cluster.md has the commands. Otherwise restore the file secrets.key.",
        )
        raise


def vault_of(state: Path, environment: Mapping[str, str]) -> SecretStore:
    """Return the encrypted secrets of this machine."""
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    return SecretStore(state, Path(credentials) if credentials else None)


def kept_beside(path: Path, ending: str, content: bytes) -> Path:
    """Write a content beside a file, for this account alone, unless it is there already. Raises `OSError`."""
    for beside in _names(path, ending):
        if not beside.exists():
            replace_file(beside, content)
            return beside
        if beside.read_bytes() == content:
            return beside
    raise AssertionError


def _free_name(path: Path, ending: str) -> Path:
    return next(each for each in _names(path, ending) if not os.path.lexists(each))


def _names(path: Path, ending: str) -> Iterator[Path]:
    yield path.with_name(f"{path.name}{ending}")
    yield from (path.with_name(f"{path.name}{ending}-{number}") for number in itertools.count(2))
