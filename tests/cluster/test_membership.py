"""Memberships of two and three nodes over a real PostgreSQL: who works for which shards, and how soon."""

import asyncio
import os
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.cluster.clocks import SECOND
from engine.cluster.errors import NodeNameTaken
from engine.cluster.model import Report
from engine.store.errors import DatabaseSlow
from engine.store.postgres.notices import Notices
from engine.sync.share import ShardOwnership
from tests.cluster.members import CLAIM, LEASE, LOOK, SHARDS, Node, cluster
from tests.support.clock import ManualClock
from tests.support.cluster import made_small, shared
from tests.support.eventually import eventually
from tests.support.postgres import PostgresDatabase

pytestmark = pytest.mark.slow

MOVES = 25
"""In each history of what may happen."""

EVERYTHING = set(range(SHARDS))


async def test_one_node_has_everything_after_the_first_lease(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a", settled=False) as running:
        a = running.nodes["a"]
        assert a.shards == set()
        await running.passes(LEASE)
        assert a.shards == a.engine.works_for == EVERYTHING
        assert a.engine.sharing == 1


async def test_nodes_share_alike_and_few_shards_are_under_way_at_a_time(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a") as running:
        a = running.nodes["a"]
        assert a.shards == EVERYTHING
        b = await running.add("b")
        await running.passes(5)
        assert not b.shards
        await running.passes(5)
        assert (len(a.shards), len(b.shards)) == (4, 4)
        assert a.shards | b.shards == a.engine.works_for | b.engine.works_for == EVERYTHING
        assert a.engine.sharing == b.engine.sharing == 2
        assert all(len(shards) == 1 for _, kind, shards in a.engine.told if kind == "lost")
        c = await running.add("c")
        await running.passes(20)
        assert sorted(len(each.shards) for each in (a, b, c)) == [2, 3, 3]


async def test_a_node_that_drains_hands_over_without_a_gap(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a", "b") as running:
        a, b = running.nodes["a"], running.nodes["b"]
        await running.passes(12)
        assert len(a.shards) == 4
        a.engine.all_answered.clear()
        begun = running.clock.now()
        assert await b.membership.drain("a", is_draining=True)
        assert not await b.membership.drain("nobody", is_draining=True)
        await running.passes(2 * LOOK)
        assert len(a.engine.works_for) == 3  # one at a time, until all its writes are answered
        assert len(b.shards) == 4
        await running.passes(LEASE - CLAIM)
        assert len(b.shards) == 5  # by now none can be under way
        a.engine.all_answered.set()
        await running.passes(8 * LOOK)
        assert (a.shards, b.shards) == (set(), EVERYTHING)
        for shard in EVERYTHING:
            gone = [at for at, kind, shards in a.engine.told if kind == "lost" and shard in shards and at >= begun]
            there = [at for at, kind, shards in b.engine.told if kind == "taken" and shard in shards and at >= begun]
            if gone:
                assert there[0] - gone[0] <= timedelta(seconds=LEASE - CLAIM + 3 * LOOK)
        await b.leases.drain("a", False)
        await running.passes(12)
        assert len(a.shards) == 4


def waking(node: Node) -> Callable[[str], None]:
    return lambda _: node.membership.wake()


async def test_by_notices_a_shard_is_handed_over_in_no_time(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a", "b") as running, shared(cluster_database) as opened:
        a, b = running.nodes["a"], running.nodes["b"]
        await running.passes(12)
        notices = [Notices(opened, ManualClock(), random.Random(1), waking(node)) for node in (a, b)]
        tasks = [asyncio.get_running_loop().create_task(each.run()) for each in notices]
        assert await b.membership.drain("a", is_draining=True)
        assert not await b.membership.drain("nobody", is_draining=True)
        await eventually(lambda: len(b.shards) > 4)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_the_only_node_keeps_its_shards_while_it_drains(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a") as running:
        a = running.nodes["a"]
        await a.leases.drain("a", True)
        await running.passes(10)
        assert a.shards == EVERYTHING


async def test_a_release_that_was_not_answered_is_repeated(cluster_database: PostgresDatabase, tmp_path: Path) -> None:
    async with cluster(cluster_database) as running:
        a, b = await running.add("a", behind=tmp_path), await running.add("b")
        await running.passes(14)
        a.engine.all_answered.clear()
        assert await b.membership.drain("a", is_draining=True)
        assert not await b.membership.drain("nobody", is_draining=True)
        await running.passes(LOOK)
        (given_up,) = EVERYTHING - a.engine.works_for - b.engine.works_for
        a.cut()
        a.engine.all_answered.set()
        await running.passes(1.5)
        assert given_up not in b.shards
        a.mend()
        await running.passes(1)
        assert given_up in b.shards


async def test_a_node_that_leaves_hands_over_at_once(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a", "b") as running:
        a, b = running.nodes["a"], running.nodes["b"]
        await running.passes(12)
        async with asyncio.TaskGroup() as group:
            group.create_task(a.membership.leave())
            await running.passes(4 * LOOK)
        await a.task
        assert b.shards == b.engine.works_for == EVERYTHING
        assert not a.engine.works_for
        assert (await b.leases.look()).terms[0].node == "b"
        again = await running.add("a")  # nobody waits for the name
        await running.passes(12)
        assert len(again.shards) == 4


async def test_after_a_clean_stop_the_next_process_has_everything_at_once(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a") as running:
        former = running.nodes["a"]
        running.leaves("a")
        await former.task
        again = await running.add("a")
        await running.passes(3 * LOOK)
        assert again.shards == EVERYTHING


async def test_what_a_killed_node_had_is_taken_within_a_lease_and_a_second(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a", "b", "c") as running:
        await running.passes(20)
        b, c = running.nodes["b"], running.nodes["c"]
        killed = await running.kill("a")
        assert killed.shards == set()
        await running.passes(LEASE + 1)
        assert b.shards | c.shards == EVERYTHING
        assert killed.database.last_beat is not None
        for each in (b, c):
            assert LEASE <= (each.engine.last("taken") - killed.database.last_beat).total_seconds() <= LEASE + 1
        assert {len(b.shards), len(c.shards)} == {4}
        assert {each.node for each in b.membership.alive} == {"b", "c"}


async def test_a_killed_node_that_owned_nothing_is_a_member_no_more_after_a_lease(
    cluster_database: PostgresDatabase,
) -> None:
    async with cluster(cluster_database, "a") as running:
        a = running.nodes["a"]
        await running.add("b", "standby")
        await running.passes(2)
        await running.kill("b")
        await running.passes(LEASE - 1.5)
        assert [each.node for each in (await a.leases.look()).terms] == ["a", "b"]
        await running.passes(2)
        found = await a.leases.look()
        assert [each.node for each in found.terms] == ["a"]
        assert [each.node for each in found.gone] == ["b"]
        await running.add("b", "standby")
        assert (await a.leases.look()).gone == ()
        running.leaves("b")
        await running.passes(2)
        assert (await a.leases.look()).gone == ()


async def test_a_node_that_is_cut_off_gives_up_before_others_take(
    cluster_database: PostgresDatabase, tmp_path: Path
) -> None:
    async with cluster(cluster_database) as running:
        a, b = await running.add("a", behind=tmp_path), await running.add("b")
        await running.passes(14)
        assert (len(a.shards), len(b.shards)) == (4, 4)
        assert a.database.last_beat is not None
        a.cut()
        last_beat, had = a.database.last_beat, {*a.shards}
        await running.passes(CLAIM - (running.clock.now() - last_beat).total_seconds() - 0.01)
        assert a.shards == had
        await running.passes(LOOK + 0.01)
        assert a.shards == set()
        await running.passes(15)
        taken = (b.engine.last("taken") - last_beat).total_seconds()
        assert LEASE <= taken <= LEASE + 1
        assert (a.engine.works_for, b.engine.works_for) == (had, EVERYTHING)  # it goes on reading calendars
        assert isinstance(a.membership.away, DatabaseSlow)
        a.mend()
        await running.passes(3)
        assert a.engine.works_for == set()
        assert a.membership.problems() == ()
        await running.passes(12)
        assert (len(a.shards), len(b.shards)) == (4, 4)


async def test_after_the_database_was_away_from_all_everybody_has_what_was_its_own(
    cluster_database: PostgresDatabase, tmp_path: Path
) -> None:
    async with cluster(cluster_database) as running:
        both = [await running.add(name, behind=tmp_path) for name in "ab"]
        await running.passes(14)
        before = [each.shards for each in both]
        for each in both:
            each.cut()
        await running.passes(30)
        assert [each.shards for each in both] == [set(), set()]
        assert [each.engine.works_for for each in both] == before  # calendars are read on
        assert [each.engine.sharing for each in both] == [2, 2]
        await running.passes(35)
        assert [each.engine.sharing for each in both] == [8, 8]  # at a quarter, after a minute
        for each in both:
            each.mend()
        await running.passes(3)
        assert [each.shards for each in both] == [each.engine.works_for for each in both] == before
        assert [each.engine.sharing for each in both] == [2, 2]
        for each in both:
            each.cut()
        await running.passes(30)
        both[0].mend()
        while both[0].membership.away is not None:
            await running.passes(0.05)
        await running.passes(LEASE / 2 - 0.2)
        assert [each.shards for each in both] == [before[0], set()]  # the other may come back yet
        await running.passes(1)
        assert both[0].shards == EVERYTHING


async def test_a_second_process_of_a_name_waits_and_says_so(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a") as running:
        first = running.nodes["a"]
        second = await running.add("a")
        await running.passes(LEASE + 1)
        assert second.shards == set()
        assert [type(each) for each in second.membership.problems()] == [NodeNameTaken]
        running.nodes["a"] = first
        await running.kill("a")
        await running.passes(LEASE + 1)
        assert second.shards == EVERYTHING
        assert second.membership.problems() == ()
        third = await running.add("a")
        running.leaves("a")
        await third.task  # it has nothing to hand over


async def test_a_node_alone_that_was_killed_has_everything_again_after_a_lease(
    cluster_database: PostgresDatabase,
) -> None:
    async with cluster(cluster_database, "a") as running:
        await running.kill("a")
        again = await running.add("a")
        await running.passes(LEASE - 0.5)
        assert again.shards == set()
        assert again.membership.problems() == ()
        await running.passes(1.5)
        assert again.shards == EVERYTHING


async def test_whoever_holds_a_claim_goes_on_when_the_server_was_started_again_and_others_wait(
    cluster_database: PostgresDatabase,
) -> None:
    async with cluster(cluster_database, "a", "b") as running:
        a, b = running.nodes["a"], running.nodes["b"]
        await running.passes(12)
        kept = a.engine.told.copy()
        await running.kill("b")
        change_incarnation(cluster_database, 2)
        await running.passes(1)
        seen = running.clock.now()
        assert a.engine.stored_again == 1
        assert a.engine.told == kept
        await running.passes(LEASE + 1)
        assert a.shards == EVERYTHING
        assert (a.engine.last("taken") - seen).total_seconds() >= LEASE - 1
        assert (await b.leases.look()).settled == "server 2"


async def test_a_node_whose_term_was_lost_in_a_fail_over_begins_another(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a") as running:
        a = running.nodes["a"]
        claim = a.membership.claim_of("somebody")
        with cluster_database.connection() as connection:
            connection.execute("UPDATE calendar_engine.shard SET term = NULL, token = 0")
            connection.execute("DELETE FROM calendar_engine.term")
        change_incarnation(cluster_database, 2)
        await running.passes(LOOK)
        assert (a.shards, a.engine.works_for) == (set(), EVERYTHING)  # they are nobody else's
        await running.passes(LEASE + 1)
        again = a.membership.claim_of("somebody")
        assert claim is not None
        assert again is not None
        assert (again.token, again.term == claim.term) == (claim.token + 1, False)


async def test_a_node_in_trouble_hands_over_only_to_one_that_is_not(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a", "b") as running:
        a, b = running.nodes["a"], running.nodes["b"]
        await running.passes(12)
        a.report = Report(able=False)
        await running.passes(10)
        assert len(a.shards) == 4
        await running.passes(10)
        assert (a.shards, b.shards) == (set(), EVERYTHING)
        b.report = Report(able=False)
        await running.passes(30)
        assert b.shards == EVERYTHING
        a.report = Report(able=True)
        await running.passes(50)
        assert a.shards == set()
        await running.passes(15)
        assert a.shards == EVERYTHING


async def test_a_node_on_standby_steps_in_and_gives_back_after_a_minute(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a") as running:
        standby = await running.add("s", role="standby")
        await running.passes(10)
        assert (standby.shards, standby.engine.sharing) == (set(), 1)
        await running.kill("a")
        await running.passes(LEASE + 1)
        assert standby.shards == EVERYTHING
        again = await running.add("a")
        await running.passes(50)
        assert again.shards == set()
        await running.passes(20)
        assert (again.shards, standby.shards) == (EVERYTHING, set())


async def test_after_the_wall_clock_has_stepped_the_database_is_asked_before_any_write(
    cluster_database: PostgresDatabase,
) -> None:
    async with cluster(cluster_database, "a") as running:
        a = running.nodes["a"]
        told = a.engine.told.copy()
        ownership: ShardOwnership = a.membership
        claim = ownership.claim_of("somebody")
        assert claim is not None
        assert claim.holds()
        a.stepped += 3600 * SECOND
        assert not claim.holds()
        assert ownership.claim_of("somebody") is None
        await running.at_rest()  # it beats at once
        again = ownership.claim_of("somebody")
        assert again is not None
        assert (again.holds(), again.token, again.term) == (True, claim.token, claim.term)
        requests = a.database.requests
        assert not claim.holds()
        await running.at_rest()
        assert a.database.requests == requests
        a.stepped -= 7200 * SECOND
        await running.passes(LOOK)  # nobody asks, and it beats all the same
        assert ownership.claim_of("somebody") is not None
        assert a.engine.told == told


async def test_a_node_that_stood_still_takes_its_shards_again(
    cluster_database: PostgresDatabase,
) -> None:
    async with cluster(cluster_database, "a") as running:
        a = running.nodes["a"]
        told = len(a.engine.told)
        claim = a.membership.claim_of("somebody")
        a.stood_still += int(CLAIM * SECOND)
        assert claim is not None
        assert not claim.holds()
        assert a.membership.claim_of("somebody") is None
        a.membership.wake()
        await running.at_rest()
        assert [(kind, set(shards)) for _, kind, shards in a.engine.told[told:]] == [("taken", EVERYTHING)]
        again = a.membership.claim_of("somebody")
        assert again is not None
        assert (again.term, again.token) == (claim.term, claim.token + 1)


async def test_a_cluster_that_was_made_another_one_is_joined_anew(cluster_database: PostgresDatabase) -> None:
    async with cluster(cluster_database, "a") as running:
        a = running.nodes["a"]
        claim = a.membership.claim_of("somebody")
        made_small(cluster_database, shards=4, lease_seconds=10)
        await running.passes(1)
        assert claim is not None
        assert not claim.holds()
        _, kind, shards = a.engine.told[-1]
        assert (kind, set(shards)) == ("lost", EVERYTHING)
        await running.passes(12)
        assert a.shards == set(range(4))


@pytest.mark.parametrize("seed", range(int(os.environ.get("MEMBERSHIP_SEEDS", "2"))))
async def test_whatever_happens_nobody_writes_for_the_shard_of_another(
    cluster_database: PostgresDatabase, tmp_path: Path, seed: int
) -> None:
    """`Cluster.at_rest` is the judge, at every instant at which anything happens. MEMBERSHIP_SEEDS=50 tries more."""
    rng = random.Random(seed)
    async with cluster(cluster_database) as running:
        for number in range(MOVES):
            name = rng.choice("abc")
            directory = tmp_path / str(number)
            directory.mkdir()
            node = running.nodes.get(name)
            match rng.choice(("add", "cut", "mend", "mend", "kill", "leave", "drain", "trouble", "step", "server")):
                case "add" if node is None or name != "a":
                    await running.add(name, rng.choice(("share", "share", "standby")), behind=directory)
                case "cut" if node is not None:
                    node.cut(keeps=rng.random() < 0.5)
                case "mend" if node is not None:
                    node.mend()
                case "kill" if node is not None:
                    await running.kill(name)
                case "leave" if node is not None:
                    running.leaves(name)
                case "drain":
                    with running.database.connection() as connection:
                        connection.execute(
                            "UPDATE calendar_engine.term SET draining = NOT draining WHERE node = %s", [name]
                        )
                case "trouble" if node is not None:
                    node.report = Report(able=not node.report.able)
                case "step" if node is not None:
                    node.stepped += rng.choice((-3600, 3600)) * SECOND
                case "server":
                    change_incarnation(running.database, number)
            await running.passes(rng.choice((0.1, 0.5, 1, 2, 4, LEASE, 12)))
        await running.close()
        a, b = [await running.add(name) for name in "ab"]
        await running.passes(2 * LEASE + 20)
        assert (len(a.shards), len(b.shards)) == (4, 4)


def change_incarnation(database: PostgresDatabase, number: int) -> None:
    with database.connection() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION calendar_engine.incarnation() RETURNS text LANGUAGE sql STABLE AS "
            f"$$ SELECT 'server {number}' $$"
        )
