"""What the nodes of a cluster tell each other by NOTIFY: that something has changed. To look sooner is all that depends
on it.
"""

from collections.abc import Callable
from datetime import timedelta
from random import Random

from engine.core.backoff import Backoff, doubling
from engine.core.clock import Clock
from engine.store.errors import SharedDatabaseFailure
from engine.store.postgres.database import Connection, SharedDatabase
from engine.store.postgres.own_connection import OwnConnection

PAUSES = doubling(timedelta(seconds=1), timedelta(seconds=15))
"""Pauses before another connection is made."""

ASK_EVERY, ANSWER_WITHIN = timedelta(seconds=5), timedelta(seconds=2)
"""How long a connection may be silent before it is tried, since nothing else tells that it is lost; how long that may
take.
"""


class Notices:
    """Calls `happened` with what each notice says, and with "" after each connect, before which some may be missed.

    Says nothing of failures: whoever looks at the database regularly notices them as well.
    """

    def __init__(self, database: SharedDatabase, clock: Clock, random: Random, happened: Callable[[str], None]) -> None:
        self._connection = OwnConnection(database, clock, ASK_EVERY + ANSWER_WITHIN)
        self._clock = clock
        self._backoff = Backoff(random)
        self._happened = happened

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            while True:
                try:
                    await self._connection.do(_listen)
                    self._backoff.reset()
                    self._happened("")
                    while True:
                        await self._connection.do(self._hear)
                except SharedDatabaseFailure:
                    await self._clock.sleep_until(self._clock.now() + self._backoff.next(PAUSES))
        finally:
            await self._connection.close()

    async def _hear(self, connection: Connection) -> None:
        """Pass on what comes within a while, and see whether the server answers."""
        async for notice in connection.notifies(timeout=ASK_EVERY.total_seconds()):
            self._happened(notice.payload)
        await connection.execute("SELECT 1")


async def _listen(connection: Connection) -> None:
    await connection.execute("LISTEN calendar_engine")
