"""The PostgreSQL that several engines share: transactions on a few connections, none of which waits without a limit."""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from engine.store.errors import DatabaseAway, DatabaseSlow, SharedDatabaseFailure
from engine.store.postgres.address import DatabaseAddress
from engine.store.postgres.naming import errors_named

T = TypeVar("T")

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

CHANNEL = "calendar_engine"
"""Where the engines tell each other by NOTIFY that something has changed."""

MOST_CONNECTIONS = 4
OLDEST = 300.0
"""Seconds after which a connection is replaced, so that a server that came back is used again."""

TURN_WITHIN, CONNECT_WITHIN, DONE_WITHIN = 2.0, 6.0, 5.0
"""Seconds to wait for a free connection, for a new one to any of the hosts, and for a transaction on it."""

STATEMENT_WITHIN, LOCK_WITHIN = 1.5, 1.0
"""Seconds for each statement, and to wait for others in it."""

LONG_RUNNING = 600.0
"""Seconds for a transaction that moves everything."""


class SharedDatabase:
    """Does transactions in the schema `calendar_engine` of a database. Nothing is connected before the first one.

    All methods raise a `SharedDatabaseFailure`. Then a transaction has had no effect, but for one: after `DatabaseAway`
    and `DatabaseSlow` it may still have been committed.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._turns = asyncio.Semaphore(MOST_CONNECTIONS)
        self._idle: list[tuple[Connection, float]] = []
        self._is_closed = False

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, long_running: bool = False) -> T:
        """Do `work` in one transaction (READ COMMITTED) and return its result.

        `long_running`: it may take minutes, as what is done once and for no engine that runs.
        """
        async with self._turn(), self._borrowed() as connection:
            with _cut_after(LONG_RUNNING if long_running else DONE_WITHIN, connection):
                with errors_named(self._address.place):
                    await connection.execute(_begin(long_running))
                    try:
                        result = await work(connection)
                        committed = await connection.execute("COMMIT")
                    except Exception:
                        await _roll_back(connection)
                        raise
                if committed.statusmessage != "COMMIT":  # a statement of it had failed
                    raise DatabaseSlow(f"{self._address.place}: the transaction was not committed")
            return result

    async def connect(self) -> Connection:
        """Return a connection of the caller's own, in autocommit and without limits for its statements."""
        with errors_named(self._address.place):
            async with asyncio.timeout(CONNECT_WITHIN):
                return await psycopg.AsyncConnection.connect(
                    autocommit=True,
                    prepare_threshold=None,  # a pooler may give every transaction another session
                    **self._address.with_password(),  # type: ignore[arg-type]
                )

    @property
    def place(self) -> str:
        """Host and database, for messages."""
        return self._address.place

    async def close(self) -> None:
        """Close all connections; whoever still uses one closes it when done."""
        self._is_closed = True
        await self._close_idle()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_WITHIN):
                await self._turns.acquire()
        except TimeoutError:
            raise DatabaseSlow(f"{self._address.place}: all {MOST_CONNECTIONS} connections are in use") from None
        try:
            yield
        finally:
            self._turns.release()

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Connection]:
        now = asyncio.get_running_loop().time()
        connection, since = await self._known_good(now) or (await self.connect(), now)
        try:
            yield connection
        except asyncio.CancelledError:  # the server was asked to stop, which may arrive when it does something else
            await connection.close()
            raise
        except SharedDatabaseFailure as failure:
            if isinstance(failure, DatabaseAway):  # the server may be one that takes no changes any more
                await connection.close()
                await self._close_idle()
            raise
        finally:
            if connection.info.transaction_status is TransactionStatus.IDLE and not self._is_closed:
                self._idle.append((connection, since))
            else:
                await connection.close()

    async def _known_good(self, now: float) -> tuple[Connection, float] | None:
        """Return the connection that was used last and is neither old nor ended by the server."""
        while self._idle:
            connection, since = self._idle.pop()
            if now - since < OLDEST and not _has_ended(connection):
                return connection, since
            await connection.close()
        return None

    async def _close_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            await connection.close()


def _begin(long_running: bool) -> str:
    """Return what begins a transaction.

    Limits hold for the transaction alone, since a connection of a pooler serves others as well. What was committed must
    not be lost with a server of a kind that a site has chosen to be safer.
    """
    statement, lock = (0.0, 0.0) if long_running else (STATEMENT_WITHIN, LOCK_WITHIN)
    return f"""
        BEGIN;
        SET LOCAL search_path = calendar_engine;
        SET LOCAL timezone = 'UTC';
        SET LOCAL statement_timeout = {statement * 1000:.0f};
        SET LOCAL lock_timeout = {lock * 1000:.0f};
        SET LOCAL idle_in_transaction_session_timeout = {DONE_WITHIN * 1000:.0f};
        SELECT set_config('synchronous_commit', 'on', true)
        WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
    """


async def tell(connection: Connection, what: str) -> None:
    """Tell the other engines what has changed, once the transaction is committed; they need not hear it."""
    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, what))


def storable(text: str) -> str:
    """Return a text from outside without what PostgreSQL cannot hold: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def cut(connection: Connection) -> None:
    """Shut the socket beneath a connection, so that whoever waits for the server is told at once.

    Cancelling would wait for the server, ten seconds (psycopg 3.3.9).
    """
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def _cut_after(seconds: float, connection: Connection) -> Iterator[None]:
    """Context manager in which a connection is cut when the time is over. Raises `DatabaseSlow` then."""
    is_cut = False

    def now() -> None:
        nonlocal is_cut
        is_cut = True
        cut(connection)

    alarm = asyncio.get_running_loop().call_later(seconds, now)
    try:
        yield
    except DatabaseAway as failure:
        if is_cut:
            raise DatabaseSlow(f"no answer within {seconds:g} s") from failure
        raise
    finally:
        alarm.cancel()


async def _roll_back(connection: Connection) -> None:
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        with suppress(psycopg.Error):
            await connection.execute("ROLLBACK")


def _has_ended(connection: Connection) -> bool:
    """Return whether the server has ended a connection that nobody uses: something can be read from it then."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    except (OSError, psycopg.Error):
        return True
