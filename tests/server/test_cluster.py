"""What the API tells of a cluster: when people are told that something is amiss, and what an engine alone answers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from engine.api.schema import Problem, Status
from engine.api.schema.cluster import Cluster
from engine.cluster.errors import NodeNameTaken
from engine.cluster.requests import RESUME
from engine.core.errors import Failure
from engine.store.errors import DatabaseAway, DatabaseNotPrepared, DatabaseRefused, DatabaseSlow
from engine.sync.halts import AnotherWriter
from engine.sync.problems import Severity
from tests.support.seen_member import NINE, A, SeenMember, access, seen
from tests.support.served_engine import people, served_engine


@pytest.mark.parametrize(
    ("failure", "seconds", "state", "told"),
    [
        (None, None, "up", {}),
        (DatabaseSlow("no answer within 2 s"), 2.5, "up", {}),
        (DatabaseSlow("no answer within 2 s"), 3, "slow", {"database-slow": Severity.DEGRADED}),
        (DatabaseSlow("no answer within 2 s"), 7, "away", {"database-away": Severity.DOWN}),
        (DatabaseAway("connection refused"), 1, "up", {}),
        (DatabaseAway("connection refused"), 4, "away", {"database-away": Severity.DOWN}),
        (DatabaseRefused("the password is wrong"), 4, "away", {"database-refused": Severity.DOWN}),
    ],
)
def test_people_are_told_of_the_database_when_it_matters(
    failure: Failure | None, seconds: float | None, state: str, told: Mapping[str, Severity]
) -> None:
    member = SeenMember(failure, None if seconds is None else timedelta(seconds=seconds))
    found = access(member)
    assert {each.failure.slug: each.severity for each in found.problems()} == told
    database = found.state({}, NINE).database
    assert (database.state, database.since) == (state, NINE - timedelta(seconds=seconds or 0) if told else None)
    assert (database.trouble is None, database.clock_ahead) == (state == "up", -1.5)


@pytest.mark.parametrize(("seconds", "is_told"), [(None, False), (19, False), (21, True)])
def test_users_without_a_node_are_told_of_after_others_had_time_to_take_them(
    seconds: float | None, *, is_told: bool
) -> None:
    found = access(SeenMember(found=seen(3, seconds)))
    assert [(each.failure.slug, each.failure.detail) for each in found.problems()] == (
        [("users-without-node", "3 of 8 shards")] if is_told else []
    )


def test_a_node_that_is_gone_is_told_of_until_it_comes_back() -> None:
    state = seen()
    member = SeenMember(found=replace(state, gone={"b": NINE}))
    [told] = access(member).problems()
    assert (told.failure.slug, told.failure.detail) == ("node-gone", "b, since 2026-03-02 09:00 UTC")
    member.found = state
    assert access(member).problems() == ()


def test_a_name_that_is_taken_and_a_database_that_does_not_fit_are_told_at_once() -> None:
    taken = access(SeenMember(term="", others=(NodeNameTaken("a"),)))
    assert [(each.failure.slug, each.severity) for each in taken.problems()] == [("node-name-taken", Severity.DOWN)]
    assert not taken.state({}, NINE).member
    unfit = access(SeenMember(found=None, term="", unfit=DatabaseNotPrepared("it holds no cluster")))
    assert [each.failure.slug for each in unfit.problems()] == ["database-not-prepared"]
    state = unfit.state({}, NINE)
    assert (state.node, state.nodes, state.database.state, state.database.since) == ("a", (), "away", None)


def test_an_instant_that_is_counted_back_does_not_tremble() -> None:
    member = SeenMember(DatabaseAway(), timedelta(seconds=30))
    found = access(member)
    first = found.state({}, NINE).database.since
    member.away_for = timedelta(seconds=31.003)
    assert found.state({}, NINE + timedelta(seconds=1)).database.since == first
    member.away_for = timedelta(seconds=5)
    assert found.state({}, NINE + timedelta(minutes=1)).database.since == NINE + timedelta(seconds=55)


async def test_a_node_that_has_stopped_writing_goes_on_when_it_is_told_so_at_any_of_them() -> None:
    member = SeenMember(found=seen(0, None, replace(A, name="b", is_own=False)), halted=AnotherWriter("1 shard"))
    found = access(member)
    assert [(each.failure.slug, each.severity) for each in found.problems()] == [
        ("another-writer", Severity.WRONG_PRESENCE)
    ]
    assert await found.resume("a")
    assert found.problems() == ()
    assert member.told == []
    assert await found.resume("b")
    assert member.told == [f"{RESUME}b"]
    assert not await found.resume("c")


async def test_each_node_is_told_with_its_users_and_who_is_gone_as_it_was_known_last() -> None:
    found = access(SeenMember())
    state = found.state({"a": 7, "b": 5}, NINE)
    assert [(each.name, each.condition, each.users, each.quiet_seconds) for each in state.nodes] == [
        ("a", "working", 7, 0.4)
    ]
    assert (state.own_shards, state.lease_age, state.lease_seconds) == (8, 0.25, 10)
    assert await found.whole(state) == Cluster(is_member=True, state=state)


async def test_an_engine_that_works_alone_has_no_cluster(tmp_path: Path) -> None:
    async with served_engine(tmp_path, people(1)) as served:
        assert await served.get("/v1/cluster") == {"is_member": False, "state": None, "ended": []}
        assert "cluster" not in (await served.get("/v1"))["capabilities"]
        assert msgspec.convert(await served.get("/v1/status"), Status).cluster is None
        async with served.session().post("/v1/cluster/drain", json={}) as response:
            problem = msgspec.json.decode(await response.read(), type=Problem)
            assert (response.status, problem.type) == (409, "works-alone")
        async with served.session().get("/v1/metrics") as response:
            assert "cluster" not in await response.text()
