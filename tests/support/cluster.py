"""A small cluster in the PostgreSQL that the tests share."""

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from engine.cluster.sharing import shard_of
from engine.core.secret import Secret
from engine.store.moving import StoredState
from engine.store.postgres.address import database_address
from engine.store.postgres.database import SharedDatabase
from engine.store.postgres.moving import SharedState, write_state
from engine.store.secret_store import StoredSecret
from engine.store.settings_history import Version
from tests.support.postgres import OWNER, PostgresDatabase


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


async def write_first_settings(
    database: PostgresDatabase, text: str, secrets: Mapping[str, Secret], key: bytes
) -> None:
    """Write what the first engine of a cluster brings along: the shared settings, and secrets encrypted with a key."""
    now = datetime.now(UTC)
    first = Version(
        id=1, at=now, author=None, action="set up", differences=(), text=text, confirm_until=None, returns_to=None
    )
    stored = StoredState(
        presences={},
        leftovers={},
        place=None,
        let_through=None,
        let_go=frozenset(),
        versions=(first,),
        audit=(),
        log_ins={},
        log_in_salt=bytes(16),
        tenants={},
    )
    kept = {name: StoredSecret(value, now) for name, value in secrets.items()}
    with database.connection() as connection:
        [shards] = connection.execute("SELECT shards FROM cluster").fetchone() or (0,)
    write = functools.partial(
        write_state,
        state=SharedState(stored=stored, secrets=kept, setup=""),
        shard_of=functools.partial(shard_of, shards=shards),
        node="a",
        key=key,
    )
    opened = SharedDatabase(database_address(database.conninfo(OWNER)))
    await opened.run(write, long_running=True)
    await opened.close()
