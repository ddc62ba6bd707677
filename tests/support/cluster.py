"""A small cluster in the PostgreSQL that the tests share."""

import contextlib
from collections.abc import AsyncIterator

from engine.store.postgres.address import database_address
from engine.store.postgres.database import SharedDatabase
from tests.support.postgres import PostgresDatabase


def made_small(database: PostgresDatabase, *, shards: int = 8, lease_seconds: int = 5) -> None:
    """Make a new cluster's database one with so many shards, and leases of that length."""
    with database.connection() as connection:
        connection.execute("DELETE FROM calendar_engine.shard WHERE shard >= %s", (shards,))
        connection.execute(
            "UPDATE calendar_engine.cluster SET shards = %s, lease_seconds = %s", (shards, lease_seconds)
        )


@contextlib.asynccontextmanager
async def shared(database: PostgresDatabase, **parameters: str) -> AsyncIterator[SharedDatabase]:
    """The database as an engine has it; `parameters` replace those of its address, as the host by that of a proxy."""
    conninfo = " ".join([database.conninfo(), *(f"{name}={value}" for name, value in parameters.items())])
    opened = SharedDatabase(database_address(conninfo))
    try:
        yield opened
    finally:
        await opened.close()
