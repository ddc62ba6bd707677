"""History of log-in attempts per account, kept over restarts, so that a wrong secret is not tried repeatedly."""

import asyncio
import contextlib
import hashlib
import secrets
import sqlite3
from datetime import datetime

from engine.logins.history import AttemptsUpdate
from engine.logins.rules import Account, Attempt, Attempts, LogInOutcome
from engine.store.database import Database
from engine.store.errors import StoreFailure

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1
"""scrypt costs (RFC 7914): 16 MiB and about 50 ms for each guess at a secret from a leaked fingerprint."""


class LogInHistory:
    """The table `log_in` of an engine that works alone; implements `AttemptHistory`.

    While the disk fails, attempts are kept in memory.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Account, Attempts] = {}
        self._unsaved: set[Account] = set()
        self._salt = secrets.token_bytes(32)

    async def change(self, account: Account, work: AttemptsUpdate) -> Attempts:
        """Do `work` in one transaction, committed when this returns."""
        known = self._known.get(account, ()) if account in self._unsaved else None
        try:
            attempts = await self._database.run(lambda connection: _change(connection, account, work, known))
            self._unsaved.discard(account)
        except StoreFailure:
            attempts = work(self._known.get(account, ()))
            self._unsaved.add(account)
        self._known[account] = attempts
        return attempts

    async def begin(self, account: Account, work: AttemptsUpdate) -> Attempts:
        """Do `work`, which adds a log-in that is about to be sent."""
        return await self.change(account, work)

    async def accounts(self) -> dict[Account, Attempts]:
        """Return all recorded attempts."""
        found: dict[Account, Attempts] = {}
        with contextlib.suppress(StoreFailure):
            found = await self._database.run(all_attempts)
        return found | {account: self._known[account] for account in self._unsaved}

    async def fingerprint(self, account: Account, credential: str) -> str:
        """Return a slow, salted hash: stable over restarts, and useless if leaked."""
        with contextlib.suppress(StoreFailure):
            self._salt = await self._database.run(salt_of)
        return await asyncio.to_thread(slow_hash, f"{account.key}\0{credential}", self._salt)


def slow_hash(text: str, salt: bytes) -> str:
    """Return a hash by which a text can be recognised, and guessed only slowly."""
    return hashlib.scrypt(text.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=16).hex()


def _change(connection: sqlite3.Connection, account: Account, work: AttemptsUpdate, known: Attempts | None) -> Attempts:
    """Apply `work`; `known` are attempts that could not be written before, if any."""
    before = _attempts(connection.execute(_SELECT, (account.kind, account.name)))
    after = work(before if known is None else known)
    if after != before:
        write_attempts(connection, account, after)
    return after


def write_attempts(connection: sqlite3.Connection, account: Account, attempts: Attempts) -> None:
    """Replace what is recorded of an account."""
    connection.execute("DELETE FROM log_in WHERE kind = ? AND name = ?", (account.kind, account.name))
    rows = (
        (account.kind, account.name, number, each.credential, each.at.isoformat(), each.outcome.value)
        for number, each in enumerate(attempts)
    )
    connection.executemany("INSERT INTO log_in VALUES (?, ?, ?, ?, ?, ?)", rows)


def all_attempts(connection: sqlite3.Connection) -> dict[Account, Attempts]:
    """Return all recorded attempts."""
    names = connection.execute("SELECT DISTINCT kind, name FROM log_in ORDER BY kind, name").fetchall()
    return {Account(*each): _attempts(connection.execute(_SELECT, each)) for each in names}


def _attempts(rows: sqlite3.Cursor) -> Attempts:
    return tuple(
        Attempt(credential, datetime.fromisoformat(at), LogInOutcome(outcome)) for credential, at, outcome in rows
    )


def salt_of(connection: sqlite3.Connection) -> bytes:
    """Return what all fingerprints are made with; it is made once."""
    found = connection.execute("SELECT salt FROM log_in_salt").fetchone()
    if found is None:
        found = (secrets.token_bytes(32),)
        connection.execute("INSERT INTO log_in_salt VALUES (?)", found)
    salt: bytes = found[0]
    return salt


_SELECT = "SELECT credential, at, outcome FROM log_in WHERE kind = ? AND name = ? ORDER BY number"
