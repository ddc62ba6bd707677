"""SQLite database of the state directory, on its own thread so that the event loop never waits for a disk."""

import asyncio
import errno
import fcntl
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from engine.store.errors import (
    AlreadyRunning,
    DatabasePutAside,
    DiskUnusable,
    StateDirectoryExposed,
    StoreDamaged,
    StoreForeign,
    StoreUnusable,
)
from engine.store.leftovers import IN_STATE, sweep
from engine.store.protection import exposure
from engine.store.replacing import replace_file

T = TypeVar("T")

APPLICATION_ID = 0x63616C65
"""Identifies the file (PRAGMA application_id): the bytes of "cale"."""

JOURNAL_PAGES = 250
"""Pages of 4 kB after which the write-ahead log is checkpointed; a presence changes one or two of them."""

MIGRATIONS = (
    """
    CREATE TABLE presence (
        guid TEXT PRIMARY KEY,
        activity TEXT,
        note TEXT,
        expires TEXT,
        intended_activity TEXT,
        intended_note TEXT
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE settings_version (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        uid INTEGER,
        pid INTEGER,
        user TEXT,
        action TEXT NOT NULL,
        differences TEXT NOT NULL,
        text TEXT NOT NULL,
        confirm_until TEXT
    );
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        uid INTEGER NOT NULL,
        pid INTEGER NOT NULL,
        user TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL
    )
    """,
    """
    ALTER TABLE presence ADD COLUMN intended_expires TEXT;
    CREATE TABLE place (pbx TEXT NOT NULL, contact TEXT NOT NULL);
    CREATE TABLE leftover (guid TEXT NOT NULL, contact TEXT NOT NULL, PRIMARY KEY (guid, contact)) WITHOUT ROWID
    """,
    """
    ALTER TABLE settings_version ADD COLUMN returns_to INTEGER;
    UPDATE settings_version SET returns_to = CAST(substr(action, 13) AS INTEGER) WHERE action LIKE 'rollback to %';
    CREATE INDEX audit_action ON audit (action, id)
    """,
    """
    CREATE TABLE log_in (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL,
        credential TEXT NOT NULL,
        at TEXT NOT NULL,
        outcome TEXT NOT NULL,
        PRIMARY KEY (kind, name, number)
    ) WITHOUT ROWID;
    CREATE TABLE log_in_salt (salt BLOB NOT NULL)
    """,
    """
    CREATE TABLE let_through (settings TEXT NOT NULL);
    CREATE TABLE let_go (guid TEXT PRIMARY KEY) WITHOUT ROWID
    """,
    """
    CREATE TABLE tenant_facts (
        tenant_id TEXT NOT NULL,
        client_id TEXT NOT NULL,
        facts TEXT NOT NULL,
        PRIMARY KEY (tenant_id, client_id)
    ) WITHOUT ROWID
    """,
)
"""Each migration raises the schema by one version (PRAGMA user_version); released ones never change."""


class Database:
    """The state directory's database. Open it once; `run` calls a function with the connection on the thread."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir
        self._path = state_dir / "engine.db"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._lock: int | None = None

    async def open(self) -> None:
        """Create or open the file and bring its schema up to date.

        Raises `StateDirectoryExposed`, `StoreUnusable`, `StoreDamaged` or `AlreadyRunning`; the file is then as it was.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def run(self, work: Callable[[sqlite3.Connection], T], *, durably: bool = False) -> T:
        """Do `work` in one transaction on the database thread, in the order of the calls, and return its result.

        `durably`: it is on disk when this returns, and survives a power cut.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, durably)

    async def reopen(self) -> None:
        """Reopen the file after a problem with it or its directory. Raises what `open` does.

        The file may be empty: its content may be lost.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._reopen)

    async def put_aside(self) -> Path:
        """Move a damaged file aside and create an empty one; return where the old one is."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._put_aside)

    @property
    def aside(self) -> DatabasePutAside | None:
        """The failure to report while a file that was moved aside exists."""
        aside = self._path.with_name(f"{self._path.name}.damaged")
        return DatabasePutAside(str(aside)) if aside.exists() else None

    async def close(self) -> None:
        """Finish pending work, close the file and release the directory."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        try:
            _make_directory(self._directory)
            if self._lock is None:
                self._lock = _lock(self._directory / "engine.lock")
                sweep(self._directory, IN_STATE)
            _make(self._path)
        except OSError as error:
            raise _kind(error.errno in _DISK_ERRORS)(f"{self._path}: {error.strerror}") from error
        with _way_back_named(self._path), errors_named(str(self._path)):
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                prepare(connection, self._keep_copy)
            except BaseException:
                connection.close()
                raise
            self._connection, self._opened = connection, _identity(self._path)

    def _keep_copy(self, connection: sqlite3.Connection, version: int) -> None:
        """Keep the database as it is before an upgrade, for the version of then."""
        try:
            replace_file(_copy_of(self._path, version), connection.serialize())
        except OSError as error:
            raise _kind(error.errno in _DISK_ERRORS)(f"{self._path}: {error.strerror}") from error

    def _reopen(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._lock is not None and not _is_still_there(self._lock, self._directory / "engine.lock"):
            os.close(self._lock)
            self._lock = None
        self._open()

    def _put_aside(self) -> Path:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        try:
            for suffix in ("", "-wal", "-shm"):
                beside = self._path.with_name(self._path.name + suffix)
                if beside.exists():
                    beside.replace(f"{aside}{suffix}")
        except OSError as error:
            raise _kind(error.errno in _DISK_ERRORS)(f"{self._path}: {error.strerror}") from error
        return aside

    def _transact(self, work: Callable[[sqlite3.Connection], T], durably: bool) -> T:
        connection = self._connection
        if connection is None:
            raise StoreUnusable(f"{self._path}: not open")
        if _identity(self._path) != self._opened:
            # SQLite would keep writing to the deleted file.
            raise DiskUnusable(f"{self._path} was removed or replaced")
        with errors_named(str(self._path)):
            connection.execute(f"PRAGMA synchronous = {'FULL' if durably else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                # After some disk errors the transaction is already rolled back (sqlite.org, lang_transaction).
                if connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise
            return result

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT})
_SQLITE_DISK_ERRORS = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)


class _NotOurs(sqlite3.DatabaseError):
    """The file is intact, but not usable by this version."""


@contextmanager
def _way_back_named(path: Path) -> Iterator[None]:
    """Context manager that adds to `StoreForeign` how to return to the database kept before an upgrade."""
    try:
        yield
    except StoreForeign as failure:
        kept = [copy for version in range(len(MIGRATIONS), 0, -1) if (copy := _copy_of(path, version)).exists()]
        if kept:
            failure.in_words(
                failure.meaning,
                "Start the newer calendar-engine, or go back to the database of before the upgrade: calendar-engine "
                f"restore {kept[0]}. The settings history and the audit log since then are lost; presences are read "
                "from the PBX.",
            )
        raise


def _copy_of(path: Path, version: int) -> Path:
    """Return where the database is kept before its schema of that version is upgraded."""
    return path.with_name(f"{path.name}.schema-{version}")


@contextmanager
def errors_named(what: str) -> Iterator[None]:
    """Context manager that turns errors of SQLite about `what` into failures of the store."""
    try:
        yield
    except sqlite3.OperationalError as error:
        of_the_disk = error.sqlite_errorcode & 0xFF in _SQLITE_DISK_ERRORS
        raise _kind(of_the_disk)(f"{what}: {error}") from error
    except _NotOurs as error:
        raise StoreForeign(f"{what}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreDamaged(f"{what}: {error}") from error


def _kind(of_the_disk: bool) -> type[StoreUnusable]:
    return DiskUnusable if of_the_disk else StoreUnusable


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_still_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Context manager that makes a state directory if needed, and keeps engines out of it.

    Raises `StateDirectoryExposed`, `StoreUnusable` or `AlreadyRunning`.
    """
    try:
        _make_directory(directory)
        descriptor = _lock(directory / "engine.lock")
    except OSError as error:
        raise _kind(error.errno in _DISK_ERRORS)(f"{directory}: {error.strerror}") from error
    try:
        yield
    finally:
        os.close(descriptor)


def _make_directory(directory: Path) -> None:
    """Create the directory if missing; raise if another account could place files in it."""
    for _ in range(2):  # those above it before it is made, and what was made
        exposed = exposure(directory)
        if exposed:
            raise StateDirectoryExposed(exposed)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _lock(path: Path) -> int:
    """Lock the directory for the lifetime of this process; the system releases it even after kill -9."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning(str(path.parent)) from None
    return descriptor


def _make(path: Path) -> None:
    """Create the file if missing, owned by and private to this account."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            mode = stat.S_IMODE(status.st_mode)
            raise StateDirectoryExposed(f"{path} has mode {mode:04o} and belongs to user {status.st_uid}")
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def prepare(
    connection: sqlite3.Connection, before_upgrade: Callable[[sqlite3.Connection, int], None] = lambda *_: None
) -> None:
    """Check that a database is sound and ours, and bring its schema up to date. Raises `sqlite3.DatabaseError`.

    `before_upgrade` is called with the version of a database that will be changed.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and tables:
        raise _NotOurs("it belongs to another program")
    if version > len(MIGRATIONS):
        raise _NotOurs(f"it was written by a newer version (schema {version})")
    (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if sound != "ok":
        raise sqlite3.DatabaseError(sound)
    if 0 < version < len(MIGRATIONS):
        before_upgrade(connection, version)
    # With a write-ahead log and synchronous=NORMAL a commit survives kill -9 of the engine without waiting for the
    # disk; a power cut may lose the last ones, which then count as in doubt or are sent again.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {JOURNAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_PAGES * 4096}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN; {migration}; PRAGMA user_version = {number}; COMMIT;")
