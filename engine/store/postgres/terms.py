"""What people want to know of earlier members of a cluster, and what engines ask each other."""

from collections.abc import Iterable

from engine.cluster.model import EndedTerm
from engine.store.postgres.database import Connection, SharedDatabase, tell

LATEST = 20


class Terms:
    """The table `term`, as far as it is over. All methods raise a `SharedDatabaseFailure`."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database

    @property
    def place(self) -> str:
        """Host and database, for people."""
        return self._database.place

    async def ended(self) -> tuple[EndedTerm, ...]:
        """Return the terms that ended within the last day, the latest first."""

        async def ended(connection: Connection) -> tuple[EndedTerm, ...]:
            return tuple([EndedTerm(*row) async for row in await connection.execute(_ENDED, (LATEST,))])

        return await self._database.run(ended)

    async def tell(self, what: Iterable[str]) -> None:
        """Tell the other engines something that they need not hear."""

        async def tell_all(connection: Connection) -> None:
            for each in what:
                await tell(connection, each)

        await self._database.run(tell_all)


_ENDED = """
    SELECT ended.node, ended.began, ended.ended, other.node, ended.ended_by IS NOT DISTINCT FROM ended.term
    FROM term ended LEFT JOIN term other ON other.term = ended.ended_by
    WHERE ended.ended > clock() - interval '1 day' ORDER BY ended.ended DESC LIMIT %s
"""
