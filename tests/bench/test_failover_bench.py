"""Benchmark of a fail-over: from kill -9 of an engine until another one has written the first of its users.

Real engines as processes over one PostgreSQL, simulators over real sockets. A change of the calendar is pending for
each user of the engine that is killed. KILLS=1000 does it more often, LEASES=5 with one length of leases, CLUSTERS=8
with more of them at a time.
"""

import asyncio
import os
import random
import time
from pathlib import Path

import pytest

from engine.simulator.world import Person
from tests.support.cluster_site import ClusterSite
from tests.support.engine_process import Machine
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer

KILLS = int(os.environ.get("KILLS", "200"))
LEASES = [int(each) for each in os.environ.get("LEASES", "5,10").split(",")]
CLUSTERS = int(os.environ.get("CLUSTERS", "4"))
"""At a time, each with two nodes."""

MORE = 2.0
"""Seconds after a lease within which 99 of 100 first presences are written (I5)."""

pytestmark = [pytest.mark.process, pytest.mark.timeout(7200)]


def _is_able(site: ClusterSite, machine: Machine) -> bool:
    return (machine.node,) in site.rows("SELECT node FROM term WHERE ended IS NULL AND able")


def _change_calendars(site: ClusterSite, people: list[Person]) -> None:
    for person in people:
        mailbox = person.mailbox or ""
        if site.world.entries(mailbox):
            site.world.clear(mailbox)
        else:
            site.world.put(mailbox, site.world.appointment("all day", "00:00-23:59"))


def _is_written(site: ClusterSite, people: list[Person], survivor: Machine) -> bool:
    process = survivor.process
    return process is not None and any(
        each.guid in site.written and site.written[each.guid].process == process.address for each in people
    )


async def _one_kill(site: ClusterSite, victim: Machine, survivor: Machine) -> tuple[float, float]:
    """Return the seconds until the survivor owns everything, and until it has written a user of the victim."""
    await eventually(lambda: _is_able(site, victim) and _is_able(site, survivor) and not site.wrong())
    await eventually(lambda: site.people_of(victim.node))
    await asyncio.sleep(site.lease_seconds + random.random())
    people = site.people_of(victim.node)
    assert victim.process is not None
    site.written.clear()
    _change_calendars(site, people)
    await victim.process.kill()
    begun = time.monotonic()
    await eventually(lambda: set(site.owners().values()) == {survivor.node})
    owned = time.monotonic() - begun
    await eventually(lambda: _is_written(site, people, survivor))
    took = time.monotonic() - begun
    await eventually(lambda: not site.wrong())
    return owned, took


async def _one_cluster(server: PostgresServer, directory: Path, lease: int, kills: int) -> list[tuple[float, float]]:
    took: list[tuple[float, float]] = []
    async with ClusterSite(server, directory, lease_seconds=lease) as site:
        victim, survivor = [await site.machine(name) for name in ("a", "b")]
        await site.start(victim)
        for _ in range(kills):
            await site.start(survivor)  # which was the victim before
            took.append(await _one_kill(site, victim, survivor))
            victim, survivor = survivor, victim
        assert site.judge.violations == []
    return took


@pytest.mark.parametrize("lease", LEASES)
async def test_failover(postgres: PostgresServer, tmp_path: Path, lease: int) -> None:
    directories = [tmp_path / str(number) for number in range(CLUSTERS)]
    for directory in directories:
        directory.mkdir()
    each = -(-KILLS // CLUSTERS)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one_cluster(postgres, directory, lease, each)) for directory in directories]
    found = [each for task in tasks for each in task.result()]
    print(f"\n{len(found)} engines killed, leases of {lease} s")
    for what, times in zip(
        ("all shards are owned", "the first user is written"), zip(*found, strict=True), strict=True
    ):
        took = sorted(times)
        half, most = took[len(took) // 2], took[len(took) * 99 // 100]
        print(f"until {what}: median {half:.2f} s, 99 % {most:.2f} s, least {took[0]:.2f} s, most {took[-1]:.2f} s")
    assert most <= lease + MORE
