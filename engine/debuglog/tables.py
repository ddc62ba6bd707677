"""The tables of the debug log, made for a million exchanges: rows are narrow, and every usual question has an index."""

import os
import sqlite3
from pathlib import Path

FILE = "debuglog.sqlite"
APPLICATION_ID = 0x63616C6C
"""Marks the file as ours (PRAGMA application_id): the bytes of "call"."""

VERSION = 2
JOURNAL_PAGES = 4000
JOURNAL_LIMIT = 16 * 1024 * 1024
"""What is written is put into its place by so much at once: most pages of the indexes change many times until then."""

# Whom and how it ended are the same again and again: a row holds their numbers, so that looking for a part of a name
# looks through thousands of names and not through a million rows. Every index ends with the rowid: what it finds comes
# in the order of time.
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

    One that is damaged, or of another version, is put aside: a debug log is worth less than an engine that starts.
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
    """Open the file for questions alone. Raises `sqlite3.Error`."""
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
        # Has to come before the first table: what was pruned can be given back to the disk.
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
    if (application, version) != (APPLICATION_ID, VERSION):
        raise sqlite3.DatabaseError("it is another program's, or another version's")
