"""The SQLite database of the debug log: tables, compression, writing and expiry."""

import os
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import zstandard
from msgspec.structs import replace

from engine.debuglog.entry import EntryDetails, EntryRow, LogEntry, Peer

LEVEL = -2
"""Level of the compression (Zstandard, RFC 8878): SOAP shrinks to a sixth, at half the cost of level 1."""


class Packer:
    """Compressor, for use on one thread."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=LEVEL).compress

    def pack(self, kept: LogEntry) -> bytes:
        """Compress particulars and bodies together, since every separate piece has its own overhead."""
        return self._compress(msgspec.msgpack.encode((kept.particulars, kept.request, kept.response)))


def unpacked(content: bytes) -> tuple[EntryDetails, bytes, bytes]:
    """Return the particulars, the request and the response from packed content."""
    return msgspec.msgpack.decode(zstandard.decompress(content), type=tuple[EntryDetails, bytes, bytes])


FILE = "debuglog.sqlite"
APPLICATION_ID = 0x63616C6C
"""Identifies the file (PRAGMA application_id): the bytes of "call"."""

VERSION = 3
JOURNAL_PAGES = 4000
JOURNAL_LIMIT = 16 * 1024 * 1024
"""Pages per checkpoint; large, since most pages of the indexes change many times in between."""

_PEERS = """
    ALTER TABLE exchange ADD COLUMN peer INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE exchange ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX exchange_peer ON exchange (peer) WHERE peer > 0;
    CREATE INDEX exchange_quiet ON exchange (quiet) WHERE quiet = 1;
"""
"""What version 3 adds to version 2."""

PEERS = (Peer.EXCHANGE, Peer.PBX)
"""By their number in the database."""

# Persons and outcomes repeat: a row refers to them by number, so that a search for part of a name scans thousands of
# names instead of a million rows. Every index ends with the rowid, so its results are in the order of time.
_SCHEMA = f"""
    CREATE TABLE who (
        id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, user TEXT NOT NULL, folded TEXT NOT NULL, UNIQUE (mailbox, user)
    );
    CREATE TABLE outcome (
        id INTEGER PRIMARY KEY, codes TEXT NOT NULL, failure TEXT NOT NULL, UNIQUE (codes, failure)
    );
    CREATE TABLE exchange (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        ms REAL NOT NULL,
        operation TEXT NOT NULL COLLATE NOCASE,
        who INTEGER NOT NULL,
        outcome INTEGER NOT NULL,
        status INTEGER,
        error INTEGER NOT NULL,
        part INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        lane TEXT NOT NULL COLLATE NOCASE,
        sent INTEGER NOT NULL,
        received INTEGER NOT NULL
    );
    {_PEERS}
    CREATE INDEX exchange_at ON exchange (at);
    CREATE INDEX exchange_operation ON exchange (operation);
    CREATE INDEX exchange_who ON exchange (who);
    CREATE INDEX exchange_outcome ON exchange (outcome);
    CREATE INDEX exchange_error ON exchange (error) WHERE error = 1;
    CREATE TABLE body (
        id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, content BLOB NOT NULL
    );
    CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {VERSION};
"""


def open_to_write(path: Path) -> sqlite3.Connection:
    """Create or open the file, private to its owner. Raises `OSError` or `sqlite3.Error`.

    A damaged file, or one of another version, is moved aside: starting the engine matters more than the debug log.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _open(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        for suffix in ("", "-wal", "-shm"):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.replace(path.with_name(f"{path.name}.damaged{suffix}"))
        return _open(path)


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open the file for reading. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        # Must come before the first table; allows pruned space to be returned to the disk.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    # With a write-ahead log a commit survives kill -9 of the engine without waiting for the disk.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {JOURNAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_LIMIT}")
    if not tables:
        connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        return
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) == (APPLICATION_ID, 2):
        connection.executescript(f"BEGIN; {_PEERS} PRAGMA user_version = {VERSION}; COMMIT;")
    elif (application, version) != (APPLICATION_ID, VERSION):
        raise sqlite3.DatabaseError("it belongs to another program or version")


ROWS_AT_ONCE = 100
"""Rows per INSERT: each statement yields to other threads and waits for its turn again."""

PRUNED_AT_ONCE = 2000
PRUNE_BY_AGE_EVERY = 60.0


class LogStore:
    """Write access to the debug log. A method that raises `sqlite3.Error` or `OSError` leaves the file unchanged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._packer = Packer()
        self._who: dict[tuple[str, str], int] = {}
        self._outcomes: dict[tuple[tuple[str, ...], str], int] = {}
        self._last_pruned = 0.0
        self.newest = 0
        self.oldest_at: float | None = None
        self.count = 0
        self.bytes = 0

    def open(self) -> sqlite3.Connection:
        """Create or open the file."""
        connection = self._connection = open_to_write(self._path)
        self._forget_unused(connection)
        (self.newest, self.count) = connection.execute("SELECT coalesce(max(id), 0), count(*) FROM exchange").fetchone()
        self._measure(connection)
        return connection

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def note(self, name: str) -> str | None:
        """Return the note stored under that name."""
        found = self._open().execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def write_note(self, name: str, value: str) -> None:
        """Store a note."""
        self._open().execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))

    def add(self, batch: Sequence[LogEntry]) -> tuple[EntryRow, ...]:
        """Store entries in one transaction; return their rows with the new ids."""
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = self._insert(connection, batch)
        except BaseException:
            connection.execute("ROLLBACK")
            self._who.clear()
            self._outcomes.clear()
            raise
        connection.execute("COMMIT")
        self.newest += len(batch)
        self.count += len(batch)
        self._measure(connection)
        return rows

    def prune(self, now: float, *, most_bytes: int, longest: timedelta) -> None:
        """Delete the oldest entries until the rest is neither too large nor too old."""
        connection = self._open()
        if self.bytes > most_bytes:
            self._prune_by_size(connection, most_bytes)
        if abs(now - self._last_pruned) >= PRUNE_BY_AGE_EVERY:
            self._last_pruned = now
            self._prune_by_age(connection, now - longest.total_seconds())

    def _insert(self, connection: sqlite3.Connection, batch: Sequence[LogEntry]) -> tuple[EntryRow, ...]:
        rows: list[EntryRow] = []
        exchanges: list[object] = []
        bodies: list[object] = []
        for number, each in enumerate(batch, self.newest + 1):
            row = replace(each.row, id=number)
            rows.append(row)
            exchanges += (number, row.at, row.ms, row.operation)
            exchanges += (self._number_of_who(connection, row), self._number_of_outcome(connection, row))
            exchanges += (row.status, row.error, row.part, row.attempt, row.lane, row.sent, row.received)
            exchanges += (PEERS.index(row.peer), row.quiet)
            bodies += (number, each.request_id, self._packer.pack(each))
        _insert_many(connection, "exchange", exchanges, columns=15)
        _insert_many(connection, "body", bodies, columns=3)
        return tuple(rows)

    def _number_of_who(self, connection: sqlite3.Connection, row: EntryRow) -> int:
        key = (row.mailbox, row.user)
        if key not in self._who:
            folded = f"{row.user}\n{row.mailbox}".casefold()
            connection.execute("INSERT OR IGNORE INTO who (mailbox, user, folded) VALUES (?, ?, ?)", (*key, folded))
            found = connection.execute("SELECT id FROM who WHERE mailbox = ? AND user = ?", key)
            (self._who[key],) = found.fetchone()
        return self._who[key]

    def _number_of_outcome(self, connection: sqlite3.Connection, row: EntryRow) -> int:
        key = (row.codes, row.failure)
        if key not in self._outcomes:
            written = (" ".join(row.codes), row.failure)
            connection.execute("INSERT OR IGNORE INTO outcome (codes, failure) VALUES (?, ?)", written)
            found = connection.execute("SELECT id FROM outcome WHERE codes = ? AND failure = ?", written)
            (self._outcomes[key],) = found.fetchone()
        return self._outcomes[key]

    def _prune_by_size(self, connection: sqlite3.Connection, most_bytes: int) -> None:
        while self.bytes > most_bytes and self.count > 1:
            (oldest,) = connection.execute("SELECT min(id) FROM exchange").fetchone()
            # Never the newest one: the next id follows it.
            self._delete_below(connection, min(oldest + max(1, min(PRUNED_AT_ONCE, self.count // 10)), self.newest))
        connection.execute("PRAGMA incremental_vacuum")

    def _prune_by_age(self, connection: sqlite3.Connection, oldest: float) -> None:
        while self.oldest_at is not None and self.oldest_at < oldest and self.count > 1:
            (first,) = connection.execute("SELECT min(id) FROM exchange").fetchone()
            found = connection.execute(
                "SELECT id FROM exchange WHERE id >= ? AND at >= ? ORDER BY id LIMIT 1", (first, oldest)
            ).fetchone()
            end = found[0] if found else self.newest
            self._delete_below(connection, min(end, first + PRUNED_AT_ONCE))
        self._forget_unused(connection)

    def _delete_below(self, connection: sqlite3.Connection, end: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            deleted = connection.execute("DELETE FROM exchange WHERE id < ?", (end,)).rowcount
            connection.execute("DELETE FROM body WHERE id < ?", (end,))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        self.count -= deleted
        self._measure(connection)

    def _forget_unused(self, connection: sqlite3.Connection) -> None:
        """Delete names and addresses that no entry refers to."""
        for table in ("who", "outcome"):
            connection.execute(
                f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM exchange WHERE exchange.{table} = {table}.id)"  # noqa: S608 (names of ours)
            )
        self._who.clear()
        self._outcomes.clear()

    def _measure(self, connection: sqlite3.Connection) -> None:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        self.bytes = (pages - free) * size
        found = connection.execute("SELECT at FROM exchange ORDER BY id LIMIT 1").fetchone()
        self.oldest_at = found[0] if found else None

    def _open(self) -> sqlite3.Connection:
        return self._connection or self.open()


def _insert_many(connection: sqlite3.Connection, table: str, values: list[object], *, columns: int) -> None:
    row = f"({', '.join('?' * columns)})"
    step = ROWS_AT_ONCE * columns
    for first in range(0, len(values), step):
        some = values[first : first + step]
        rows = ", ".join([row] * (len(some) // columns))
        connection.execute(f"INSERT INTO {table} VALUES {rows}", some)  # noqa: S608 (names of ours)
