"""Log-in attempts of several engines per account: together they try a secret no more often than one would."""

import asyncio
from datetime import datetime, timedelta

import msgspec

from engine.core.clock import Clock
from engine.logins.history import AttemptsUpdate
from engine.logins.rules import Account, Attempts, LogInOutcome, Paused
from engine.store.errors import SharedDatabaseFailure
from engine.store.logins import slow_hash
from engine.store.postgres.database import Connection, SharedDatabase

UNDER_WAY = timedelta(seconds=60)
"""How long nobody else begins while a log-in of one engine is under way; it may have been killed meanwhile."""

AGAIN = timedelta(seconds=10)
"""Pause before a log-in is tried again that could not be stored."""


class SharedLogIns:
    """The table `log_in`, for one `process`, a UUID; implements `AttemptHistory`. `clock` is network time.

    One engine at a time tries a secret that is not proved. That of another one is over by the database's clock, or once
    it was seen for that long by this engine's: the database's may have been set back. While the database is away none
    is tried, and what becomes of those under way is noted in it later.
    """

    def __init__(self, database: SharedDatabase, process: str, clock: Clock) -> None:
        self._database = database
        self._process = process
        self._clock = clock
        self._known: dict[Account, Attempts] = {}
        self._unsaved: dict[Account, tuple[AttemptsUpdate, ...]] = {}
        self._others: dict[Account, tuple[object, datetime]] = {}
        self._salt: bytes | None = None
        self._one_at_a_time = asyncio.Lock()

    async def change(self, account: Account, work: AttemptsUpdate) -> Attempts:
        """Do `work` in one transaction, committed when this returns; while the database is away, in memory."""
        async with self._one_at_a_time:
            try:
                return await self._transact(account, work, _END)
            except SharedDatabaseFailure:
                self._known[account] = work(self._known.get(account, ()))
                self._unsaved[account] = (*self._unsaved.get(account, ()), work)
                return self._known[account]

    async def begin(self, account: Account, work: AttemptsUpdate) -> Attempts:
        """Do `work`, which adds a log-in that is about to be sent. Raises `Paused` as well while another engine tries
        one, and while the database is away."""
        async with self._one_at_a_time:
            try:
                return await self._transact(account, work, _BEGIN)
            except SharedDatabaseFailure as failure:
                raise self._paused(str(failure)) from failure

    async def accounts(self) -> dict[Account, Attempts]:
        """Return all recorded attempts; while the database is away, those that this engine knows of."""

        async def read(connection: Connection) -> dict[Account, Attempts]:
            rows = await (await connection.execute(_ALL)).fetchall()
            return {Account(kind, name): _attempts(text) for kind, name, text in rows}

        try:
            return await self._database.run(read)
        except SharedDatabaseFailure:
            return dict(self._known)

    async def fingerprint(self, account: Account, credential: str) -> str:
        """Return a slow, salted hash, the same at all engines. Raises `Paused` if the database has not been reached."""
        if self._salt is None:
            try:
                self._salt = await self._database.run(_read_salt)
            except SharedDatabaseFailure as failure:
                raise self._paused(str(failure)) from failure
        return await asyncio.to_thread(slow_hash, f"{account.key}\0{credential}", self._salt)

    def _paused(self, seen: str, time: timedelta = AGAIN) -> Paused:
        return Paused(self._clock.now() + time, refused=0, undecided=0, seen=seen)

    def _pause(self, account: Account, other: object, left: timedelta) -> timedelta:
        """Return how long to wait yet for the log-in of another engine, which has so long left by the database's
        clock."""
        now = self._clock.now()
        seen, since = self._others.get(account, (None, now))
        if seen != other:
            since = now
        self._others[account] = other, since
        return min(left, since + UNDER_WAY - now)

    async def _transact(self, account: Account, work: AttemptsUpdate, turn: str) -> Attempts:
        """Do what could not be saved before, then `work`, and take a turn or end it."""
        key = {"kind": account.kind, "name": account.name, "process": self._process, "under_way": UNDER_WAY}

        async def change(connection: Connection) -> Attempts:
            await connection.execute(_ADD, key)
            [(text, other, left)] = await (await connection.execute(_LOCK, key)).fetchall()
            attempts = before = _attempts(text)
            for each in (*self._unsaved.get(account, ()), work):
                attempts = each(attempts)
            if turn is _BEGIN and other is not None and (pause := self._pause(account, other, left)) > timedelta():
                raise self._paused("another engine is trying it", pause)
            if turn is _BEGIN or not any(each.outcome is LogInOutcome.BEGUN for each in attempts):
                await connection.execute(turn, key)
            if attempts != before:
                await connection.execute(_KEEP, {**key, "attempts": msgspec.json.encode(attempts).decode()})
            return attempts

        self._known[account] = await self._database.run(change)
        self._unsaved.pop(account, None)
        return self._known[account]


_ADD = "INSERT INTO log_in (kind, name) VALUES (%(kind)s, %(name)s) ON CONFLICT DO NOTHING"
_LOCK = """
    SELECT attempts, CASE WHEN term <> %(process)s::uuid THEN (term, until)::text END, until - clock()
    FROM log_in WHERE kind = %(kind)s AND name = %(name)s FOR UPDATE
"""
_BEGIN = """
    UPDATE log_in SET term = %(process)s::uuid, until = clock() + %(under_way)s
    WHERE kind = %(kind)s AND name = %(name)s
"""
_END = """
    UPDATE log_in SET term = NULL, until = NULL
    WHERE kind = %(kind)s AND name = %(name)s AND term = %(process)s::uuid
"""
_KEEP = "UPDATE log_in SET attempts = %(attempts)s WHERE kind = %(kind)s AND name = %(name)s"
_ALL = "SELECT kind, name, attempts FROM log_in WHERE attempts <> '[]' ORDER BY kind, name"


def _attempts(text: str) -> Attempts:
    return msgspec.json.decode(text, type=Attempts)


async def _read_salt(connection: Connection) -> bytes:
    [(salt,)] = await (await connection.execute("SELECT log_in_salt FROM cluster")).fetchall()
    return bytes(salt)
