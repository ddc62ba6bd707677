"""The statements of the lease protocol on a real PostgreSQL."""

import asyncio
import contextlib
import gc
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from engine.cluster.model import ClusterState, Member, Report, ShardState
from engine.store.errors import DatabaseAway, DatabaseNotPrepared, DatabaseSlow, SharedDatabaseFailure
from engine.store.postgres.leases import Leases
from engine.store.postgres.moving import clear
from engine.store.postgres.own_connection import OwnConnection
from tests.support.clock import ManualClock
from tests.support.cluster import made_small, shared
from tests.support.database_proxy import DatabaseProxy
from tests.support.eventually import eventually
from tests.support.idle_time import idle_seconds
from tests.support.postgres import OWNER, PostgresDatabase, PostgresServer

ABLE = Report(able=True, settings=7, figures={"users": 12})


class Node:
    """A term, and the connection with which it makes its requests."""

    def __init__(self, leases: Leases, clock: ManualClock, name: str) -> None:
        self.leases, self.clock, self.name = leases, clock, name
        self.term = str(uuid.uuid4())

    async def begin(self, *, over: tuple[str, ...] = ()) -> bool:
        found = await self.leases.look()
        silent = [each for each in found.terms if each.term in over]
        member = Member(self.name, "share", "1.0", 1, ("key-1",))
        return await self.leases.begin(self.term, member, silent, found.incarnation)

    async def take(self, shard: int, found: ClusterState | None = None, *, above: int = 0) -> int | None:
        found = found or await self.leases.look()
        return await self.leases.take(self.term, found.incarnation, found.shards[shard], above)

    async def shards(self) -> dict[int, int] | None:
        listed = await self.leases.beat(self.term, ABLE)
        return None if listed is None else dict(listed)


@contextlib.asynccontextmanager
async def node(database: PostgresDatabase, name: str, **parameters: str) -> AsyncIterator[Node]:
    clock = ManualClock()
    async with shared(database, **parameters) as opened:
        leases = Leases(opened, clock)
        try:
            yield Node(leases, clock, name)
        finally:
            await leases.close()


@contextlib.asynccontextmanager
async def two_nodes(database: PostgresDatabase) -> AsyncIterator[tuple[Node, Node]]:
    made_small(database)
    async with node(database, "a") as a, node(database, "b") as b:
        assert await a.begin()
        assert await b.begin()
        yield a, b


async def test_a_look_finds_terms_and_shards(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, b):
        await a.take(3)
        await a.shards()
        found = await b.leases.look()
        terms = {each.node: each for each in found.terms}
        assert terms.keys() == {"a", "b"}
        assert (terms["a"].able, terms["a"].settings, terms["a"].figures) == (True, 7, {"users": 12})
        assert (terms["a"].beat, terms["b"].beat) == (2, 0)  # a take is a beat, too
        assert (terms["b"].able, terms["b"].keys) == (False, ("key-1",))
        assert found.shards[3] == ShardState(3, a.term, 1, 2, False)
        assert [each.term for each in found.shards] == [None, None, None, a.term, None, None, None, None]
        assert (found.lease_seconds, found.settled) == (5, "")


async def test_takes_that_race_are_won_by_one(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, b):
        for shard in range(8):
            found = await a.leases.look()
            tokens = await asyncio.gather(a.take(shard, found), b.take(shard, found))
            assert sorted(tokens, key=str) == [1, None]
        assert {*(await a.shards() or {}), *(await b.shards() or {})} == set(range(8))


async def test_a_shard_is_taken_only_as_it_was_seen(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, b):
        assert await a.take(0) == 1
        found = await b.leases.look()
        assert await a.shards() == {0: 1}  # its beat has gone on since
        assert await b.take(0, found) is None
        assert await b.leases.take(b.term, "another", (await b.leases.look()).shards[0], 0) is None
        assert await a.take(0) == 2  # its own is taken again at any time
        assert await b.take(0, found) is None
        assert await a.take(0, above=7) == 8


async def test_a_taker_ends_the_former_term_and_so_has_all_its_shards(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, b):
        assert [await a.take(0), await a.take(1)] == [1, 1]
        found = await b.leases.look()
        assert await b.take(0, found) == 2
        assert await a.shards() is None
        assert await a.take(2) is None
        found = await b.leases.look()
        assert (found.shards[1].term, found.shards[1].ended) == (a.term, True)
        assert [each.node for each in found.terms] == ["b"]
        assert await b.take(1, found) == 2


async def test_a_release_frees_what_is_held_under_its_token_and_tells_the_others(
    cluster_database: PostgresDatabase,
) -> None:
    async with two_nodes(cluster_database) as (a, b):
        with cluster_database.connection() as listener:
            listener.execute("LISTEN calendar_engine")
            await a.take(0)
            await a.take(0)
            await a.leases.release(a.term, 0, 1)
            await b.leases.release(b.term, 0, 2)
            assert (await b.leases.look()).shards[0].term == a.term
            await a.leases.release(a.term, 0, 2)
            assert await b.take(0) == 3
            await a.leases.end(a.term)
            told = [each.payload for each in listener.notifies(timeout=60, stop_after=2)]
        assert told == ["shards", "nodes"]
        assert await a.shards() is None


async def test_a_name_is_used_by_one_term_at_a_time(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, _), node(cluster_database, "a") as again:
        assert not await again.begin()
        found = await again.leases.look()
        await a.shards()
        silent = [each for each in found.terms if each.term == a.term]
        member = Member("a", "share", "1.0", 1)
        assert not await again.leases.begin(again.term, member, silent, found.incarnation)  # it has beaten since
        assert await again.begin(over=(a.term,))
        assert await again.begin()  # as after an answer that was lost
        assert await a.shards() is None


async def test_silent_terms_are_ended_as_they_were_seen(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, b), node(cluster_database, "c") as c:
        await c.begin()
        found = await a.leases.look()
        over = [each for each in found.terms if each.term != a.term]
        await c.shards()
        await a.leases.end_silent(a.term, over, "another")
        assert len((await a.leases.look()).terms) == 3
        await a.leases.end_silent(a.term, over, found.incarnation)
        assert {each.node for each in (await a.leases.look()).terms} == {"a", "c"}
        assert await b.shards() is None


async def test_names_are_taken_one_after_another(cluster_database: PostgresDatabase) -> None:
    async with node(cluster_database, "c") as first, node(cluster_database, "c") as second:
        with cluster_database.connection() as other, other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(1667329125, 2)")
            both = asyncio.gather(first.begin(), second.begin(), return_exceptions=True)
            await eventually(lambda: both.done() or _waiting(cluster_database) == 2)
        await both
        # Whoever has not waited for too long, on a machine that is busy, has begun; the other one may not.
        assert sorted([await first.begin(), await second.begin()]) == [False, True]


async def test_ended_terms_are_kept_for_a_week_and_while_a_shard_names_them(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, b), node(cluster_database, "c") as c:
        await a.take(0)
        await a.leases.end(a.term)
        await b.leases.end(b.term)
        with cluster_database.connection() as connection:
            connection.execute("UPDATE calendar_engine.term SET ended = ended - interval '8 days'")
            await c.begin()
            kept = {row[0] for row in connection.execute("SELECT node FROM calendar_engine.term")}
        assert kept == {"a", "c"}


async def test_draining_is_told_to_the_node_that_is_running(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, b):
        assert await b.leases.drain("a", True)
        assert not await b.leases.drain("z", True)
        assert {each.node: each.draining for each in (await a.leases.look()).terms} == {"a": True, "b": False}


async def test_a_take_waits_for_nobody_who_stores_an_intent(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, b):
        await a.take(0)
        with cluster_database.connection() as other, other.transaction():
            other.execute("SELECT FROM calendar_engine.shard WHERE shard = 0 FOR SHARE")
            found = await b.leases.look()
            assert await b.take(0, found) is None
            assert await b.shards() == {}
            assert await a.shards() == {0: 1}  # nor is its term ended by a take that was in vain


async def test_an_unanswered_request_is_given_up_after_a_fifth_of_a_lease(
    cluster_database: PostgresDatabase, tmp_path: Path
) -> None:
    made_small(cluster_database)
    proxy = DatabaseProxy(cluster_database.server.directory)
    async with proxy.running(tmp_path) as host, node(cluster_database, "a", host=host) as a:
        assert await a.begin()
        proxy.cut()
        beat = asyncio.get_running_loop().create_task(a.shards())
        await eventually(lambda: a.clock.next_alarm)
        with pytest.raises(DatabaseSlow, match="no answer within 1 s"):
            await asyncio.gather(beat, a.clock.advance(1))
        proxy.mend()
        assert await a.shards() == {}  # on another connection


async def test_the_server_ends_a_request_that_waits_before_the_next_one_waits_for_it(
    cluster_database: PostgresDatabase,
) -> None:
    async with two_nodes(cluster_database) as (a, _):
        with cluster_database.connection() as other, other.transaction():
            other.execute("LOCK TABLE calendar_engine.term")
            with pytest.raises(DatabaseSlow, match="timeout"):
                await a.shards()
        assert await a.shards() == {}


async def test_whoever_is_stopped_does_not_wait_for_the_server(
    cluster_database: PostgresDatabase, tmp_path: Path
) -> None:
    proxy = DatabaseProxy(cluster_database.server.directory)
    async with proxy.running(tmp_path) as host, node(cluster_database, "a", host=host) as a:
        assert await a.begin()
        proxy.cut()
        beat = asyncio.get_running_loop().create_task(a.shards())
        await eventually(lambda: a.clock.next_alarm)
        begun = idle_seconds()
        beat.cancel()
        await asyncio.wait({beat})
        assert beat.cancelled()
        assert idle_seconds() - begun < 2  # psycopg would have waited for five seconds, and another five


async def test_what_fails_at_the_moment_of_a_stop_is_not_logged_as_a_mistake() -> None:
    async def fail(_: object) -> None:
        raise DatabaseAway("it was stopped as well")

    mistakes: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: mistakes.append(context))
    connection = OwnConnection(_NoDatabase(), ManualClock(), timedelta(seconds=1))  # type: ignore[arg-type]
    request = loop.create_task(connection.do(fail))
    await asyncio.sleep(0)  # it has begun
    await asyncio.sleep(0)  # and has failed, which nobody has noticed yet
    request.cancel()
    await asyncio.wait({request})
    assert request.cancelled()
    del request
    gc.collect()
    assert mistakes == []


class _NoDatabase:
    """A database to which there is a connection that is never used."""

    place = "nowhere"

    async def connect(self) -> "_NoDatabase":
        return self

    async def close(self) -> None:
        pass


def _waiting(database: PostgresDatabase) -> int:
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchall()
    return len(rows)


async def test_a_replica_and_a_database_without_a_cluster_are_told_apart(cluster_database: PostgresDatabase) -> None:
    async with two_nodes(cluster_database) as (a, _):
        found = await a.leases.look()
        with psycopg.connect(cluster_database.conninfo(OWNER), autocommit=True) as owner:
            owner.execute(
                "CREATE OR REPLACE FUNCTION calendar_engine.incarnation() RETURNS text LANGUAGE sql AS 'SELECT NULL'"
            )
            with pytest.raises(DatabaseAway, match="replica"):
                await a.leases.look()
            assert await a.take(0, found) is None
            owner.execute("DELETE FROM calendar_engine.cluster")
            with pytest.raises(DatabaseNotPrepared):
                await a.leases.look()


async def test_who_comes_back_to_a_cluster_that_is_over_has_nothing_to_work_for(
    cluster_database: PostgresDatabase,
) -> None:
    async with two_nodes(cluster_database) as (a, b):
        assert await a.take(0) is not None
        found = await b.leases.look()
        async with shared(cluster_database) as opened:
            await opened.run(lambda connection: clear(connection, str(uuid.uuid4())))
        assert await a.shards() is None
        assert await b.take(1, found) is None
        for each in (a, b):
            with pytest.raises(DatabaseNotPrepared, match="the last one has left"):
                await each.leases.look()


@pytest.mark.slow
@pytest.mark.process
async def test_a_server_that_was_started_again_is_another_incarnation() -> None:
    server = PostgresServer.begun()
    try:
        with server.database(server.prepared()) as database:
            async with two_nodes(database) as (a, b):
                found = await a.leases.look()
                await a.take(0)
                await a.leases.settle(found.incarnation)
                server.stop("immediate")
                for each in (a, b):
                    with pytest.raises(SharedDatabaseFailure):
                        await each.leases.look()
                server.start()
                again = await a.leases.look()
                assert again.incarnation not in ("", found.incarnation)
                assert again.settled == found.incarnation
                assert await b.take(1, found) is None
                assert await a.shards() == {0: 1}
                await b.leases.settle(again.incarnation)
                await b.leases.settle(found.incarnation)
                assert (await b.leases.look()).settled == again.incarnation
    finally:
        server.leave()
