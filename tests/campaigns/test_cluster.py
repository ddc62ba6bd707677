"""A short run of `make cluster`, and its judge."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.cluster.sharing import shard_of
from engine.core.presence.model import CLEARED, Presence
from tests.support.eventually import PATIENCE, eventually
from tests.support.write_judge import Arrival, Claimed, Judge

if TYPE_CHECKING:  # with the client of PostgreSQL
    from tests.campaigns.cluster.stage import Stage
    from tests.support.postgres import PostgresServer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BUSY, AWAY = Presence("busy", "Busy until 1 pm"), Presence("away", "Away")


def arrival(shown: Presence, process: str = "p1", token: int = 1) -> Arrival:
    """A write of a process under its own claim, as it has to be."""
    claimed = Claimed(f"term of {process}", "a", token, intended=shown, intended_under=token)
    return Arrival(NOON, "guid", "calendar:", shown, process, "a", claimed)


def complaints(*arrivals: Arrival) -> list[str]:
    judge = Judge()
    for each in arrivals:
        judge.judge(each)
    return [each.partition(":")[0] for each in judge.violations]


def test_one_writer_after_the_other_is_right() -> None:
    assert complaints(arrival(BUSY), arrival(AWAY), arrival(BUSY, "p2", 2), arrival(CLEARED, "p2", 2)) == []


def test_what_is_shown_already_must_not_be_sent_again() -> None:
    assert complaints(arrival(BUSY), arrival(BUSY)) == ["is shown already"]
    assert complaints(arrival(CLEARED)) == ["is shown already"]
    assert complaints(replace(arrival(CLEARED), claimed=None)) == ["is shown already"]


def test_two_must_not_take_turns() -> None:
    assert complaints(arrival(BUSY), arrival(AWAY, "p2", 2), arrival(BUSY)) == ["two took turns"]


def test_nobody_but_the_owner_may_write() -> None:
    of_another = replace(arrival(AWAY, "p2"), claimed=arrival(AWAY, "p1").claimed)
    assert complaints(arrival(BUSY), of_another) == ["the owner is p1"]
    assert complaints(replace(arrival(BUSY), node="b")) == ["the owner is a process of a"]
    assert complaints(replace(arrival(BUSY), claimed=Claimed(None, None, 1, BUSY, 1))) == ["nobody owns the user"]


def test_nothing_may_be_sent_that_was_not_intended_under_the_present_claim() -> None:
    [judged] = {"was not intended under the present claim"}
    for intended, under in ((None, None), (AWAY, 1), (BUSY, 0)):
        claimed = Claimed("term of p1", "a", 1, intended, under)
        assert complaints(replace(arrival(BUSY), claimed=claimed)) == [judged]


def test_a_database_that_has_lost_something_is_no_witness_for_a_while() -> None:
    judge = Judge()
    judge.lost(until=NOON + timedelta(seconds=5))
    wrong = replace(arrival(BUSY), claimed=Claimed(None, None, 1, None, None))
    judge.judge(wrong)
    assert judge.violations == []
    judge.judge(replace(wrong, shown=AWAY, at=NOON + timedelta(seconds=5)))
    assert len(judge.violations) == 1


async def everybody_changes(stage: "Stage") -> None:
    for person in stage.world.people:
        mailbox = person.mailbox or ""
        if stage.world.entries(mailbox):
            stage.world.clear(mailbox)
        else:
            stage.world.put(mailbox, stage.world.appointment("all day", "00:00-23:59"))


async def kill_an_owner(stage: "Stage") -> None:
    """Kill the node that has the first user, and wait until another one has."""
    shard = shard_of(stage.world.people[0].guid, stage.shards)
    owner = stage.owners()[shard]
    process = stage.machines[owner or ""].process
    assert process is not None
    await process.kill()
    await eventually(lambda: stage.owners()[shard] not in (None, owner))


# The HTTP library leaves a socket to the garbage collector when a process ends in a TLS handshake.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_after_faults_the_pbx_shows_what_the_calendars_say(postgres: "PostgresServer", tmp_path: Path) -> None:
    from tests.campaigns.cluster import steps
    from tests.campaigns.cluster.__main__ import one_site
    from tests.campaigns.cluster.stage import Stage

    taken = (
        *(everybody_changes, Stage.settle, steps.freeze, steps.cut_from_database, everybody_changes, Stage.settle),
        *(kill_an_owner, everybody_changes),
    )
    figures = asyncio.run(one_site(postgres, tmp_path, random.Random(7), taken, settled_within=5 * PATIENCE))
    assert figures.violation == ""
    assert figures.settles == 4
    assert figures.writes == figures.witnessed > 0
    assert figures.changes_of_hands > 0
