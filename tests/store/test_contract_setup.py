"""A set-up under way is kept alike for an engine that works alone and for several, where one at a time continues it."""

import pytest

from engine.store.setup_state import SetupContinuedElsewhere
from tests.support.postgres import PostgresDatabase
from tests.support.storage import PostgresStorage, Storage


async def test_the_answers_are_there_after_a_restart_until_the_end(storage: Storage) -> None:
    assert await storage.setup().read() is None
    kept = storage.setup()
    await kept.remove()
    await kept.write(b'{"answers": 1}')
    await kept.write('{"answers": "é\\u0000 %s"}'.encode())
    await storage.restart()
    kept = storage.setup()
    assert await kept.read() == '{"answers": "é\\u0000 %s"}'.encode()
    await kept.remove()
    assert await kept.read() is None
    await kept.write(b"{}")
    assert await storage.setup().read() == b"{}"


async def test_one_engine_at_a_time_continues_a_set_up(cluster_database: PostgresDatabase) -> None:
    storage, other = PostgresStorage(cluster_database, "a"), PostgresStorage(cluster_database, "b")
    here, there = storage.setup(), other.setup()
    await here.write(b"1")
    for change in (there.write(b"2"), there.remove()):
        with pytest.raises(SetupContinuedElsewhere, match="at a"):
            await change
    assert await there.read() == b"1"
    await there.remove()
    for change in (here.write(b"3"), here.remove()):  # not even where a new one has begun since
        with pytest.raises(SetupContinuedElsewhere, match="at b"):
            await change
    assert await here.read() is None
    await storage.close()
    await other.close()
