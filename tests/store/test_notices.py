"""Notices between nodes on a real PostgreSQL."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

from engine.store.postgres.notices import Notices
from tests.support.clock import ManualClock
from tests.support.cluster import shared
from tests.support.eventually import eventually
from tests.support.postgres import PostgresDatabase


@contextlib.asynccontextmanager
async def listening(database: PostgresDatabase, clock: ManualClock) -> AsyncIterator[list[str]]:
    heard: list[str] = []
    async with shared(database) as opened:
        task = asyncio.get_running_loop().create_task(Notices(opened, clock, Random(1), heard.append).run())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()


async def test_notices_are_passed_on_also_after_the_connection_was_lost(cluster_database: PostgresDatabase) -> None:
    clock = ManualClock()
    async with listening(cluster_database, clock) as heard:
        await eventually(lambda: heard == [""])
        with cluster_database.connection() as other:
            other.execute("NOTIFY calendar_engine, 'shards'")
            await eventually(lambda: heard == ["", "shards"])
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            # Some may have been missed meanwhile.
            await eventually(lambda: heard[:3] == ["", "shards", ""], between=lambda: clock.advance(0.1))
            other.execute("NOTIFY calendar_engine, 'settings'")
            await eventually(lambda: heard[-1] == "settings")
