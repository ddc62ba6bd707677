"""Whatever an engine does in whatever order, both stores of presences know the same afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.claims import Claim
from engine.core.presence.model import CLEARED, Presence, PresenceSettings
from engine.store.presence import PresenceStore, PresenceTarget
from tests.support.postgres import PostgresDatabase
from tests.support.storage import PostgresStorage, SqliteStorage

Act = Callable[[PresenceStore, Claim], Awaitable[None]]

guids = st.sampled_from("abc")
presences = st.sampled_from([CLEARED, Presence("busy", ""), Presence("", "note"), Presence("away", "note")])
ends = st.sampled_from([None, datetime(2026, 3, 2, 15, tzinfo=UTC), datetime(2026, 3, 2, 16, tzinfo=UTC)])
targets = st.builds(
    PresenceTarget, st.sampled_from(["one", "one", "one", "another"]), st.sampled_from(["x:", "y:", "z:"])
)


def acts() -> st.SearchStrategy[Act]:
    def of_user(name: str) -> st.SearchStrategy[Act]:
        return guids.map(lambda guid: lambda store, claim: getattr(store, name)(guid, claim))

    def of_presence(name: str) -> st.SearchStrategy[Act]:
        values = st.tuples(guids, presences, ends)
        return values.map(lambda given: lambda store, claim: getattr(store, name)(*given, claim))

    targeted = targets.map(lambda target: lambda store, _: store.set_target(target))
    noted = st.sets(guids).map(lambda let_go: lambda store, _: store.meant.note(PresenceSettings(), let_go))
    return st.one_of(
        *map(of_presence, ("intend", "acknowledge")),
        *map(of_user, ("withdraw", "forget", "mark_cleaned")),
        targeted,
        noted,
    )


async def known(store: PresenceStore) -> object:
    return await store.load(), await store.stale_contacts()


@pytest.mark.slow
@pytest.mark.property
def test_both_stores_know_the_same(cluster_database: PostgresDatabase, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        shared, alone = PostgresStorage(cluster_database), SqliteStorage(tmp_path)
        runner.run(alone.restart())

        async def compare(history: list[Act]) -> None:
            both = (shared.presences(), shared.claim), (alone.presences(), alone.claim)
            for store, claim in both:
                await store.set_target(PresenceTarget("begin", "x:"))
                for guid in "abc":
                    await store.forget(guid, claim)
            for act in history:
                for store, claim in both:
                    await act(store, claim)
                assert await known(both[0][0]) == await known(both[1][0])

        @settings(max_examples=20)
        @given(st.lists(acts(), max_size=10))
        def alike(history: list[Act]) -> None:
            runner.run(compare(history))

        alike()
        runner.run(shared.close())
        runner.run(alone.close())
