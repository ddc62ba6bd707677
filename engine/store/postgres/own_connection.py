"""A connection for one purpose, whose requests are answered within a limit or cut off at once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from engine.core.clock import Clock
from engine.store.errors import DatabaseSlow
from engine.store.postgres.database import Connection, SharedDatabase, cut
from engine.store.postgres.naming import errors_named

T = TypeVar("T")


class OwnConnection:
    """Does one request at a time on a connection of its own; on a new one after whatever went wrong.

    `within` is how long one may take. One that is cut off then may have been executed, or may be executed later.
    """

    def __init__(self, database: SharedDatabase, clock: Clock, within: timedelta) -> None:
        self._database = database
        self._clock = clock
        self.within = within
        self._connection: Connection | None = None

    async def do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do `work`, in autocommit, and return its result.

        Raises a `SharedDatabaseFailure`: `DatabaseSlow` if it was not done within the limit.
        """
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._do(work))
        alarm = loop.create_task(self._clock.sleep_until(self._clock.now() + self.within))
        try:
            await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
            in_time = task.done()
        finally:
            alarm.cancel()
            if not task.done():
                await self._end(task)
            elif not task.cancelled():
                task.exception()  # of no interest to a caller who is cancelled at this very moment
        if not in_time:
            raise DatabaseSlow(f"no answer within {self.within.total_seconds():g} s")
        return task.result()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            if self._connection is None:
                self._connection = await self._database.connect()
            with errors_named(self._database.place):
                return await work(self._connection)
        except BaseException:
            await self.close()
            raise

    async def _end(self, task: asyncio.Task[T]) -> None:
        """End a request at once: by cutting its connection, because psycopg would wait for the server."""
        if self._connection is None:
            task.cancel()
        else:
            cut(self._connection)
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
